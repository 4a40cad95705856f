import copyreg
import http.client
import pprint

class Point:
    pass

copyreg.pickle(Point, lambda point: (Point, ()))
http.client.responses[299] = "Own"
pprint.PrettyPrinter._dispatch[Point.__repr__] = None

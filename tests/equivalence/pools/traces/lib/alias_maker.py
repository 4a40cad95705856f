import json
import sys

sys.modules["json_by_another_name"] = json

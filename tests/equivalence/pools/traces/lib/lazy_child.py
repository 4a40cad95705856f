__lazy_modules__ = ["xml.dom"]
import xml.dom

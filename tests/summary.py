#!/usr/bin/python3
"""Adds up what the suites of ./test.sh counted and prints it in one line.

Words: JUnit files (*.xml), or NAME=PASSED,FAILED,SKIPPED. Exit status 1 where anything failed.
"""

import pathlib
import sys
import xml.etree.ElementTree


def of_junit(path):
    passed = failed = skipped = 0
    for case in xml.etree.ElementTree.parse(path).iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            failed += 1
        elif case.find("skipped") is not None or case.get("status") == "notrun":
            skipped += 1
        else:
            passed += 1
    return passed, failed, skipped


def main():
    total = [0, 0, 0]
    for word in sys.argv[1:]:
        name, _, numbers = word.partition("=")
        counts = [int(number) for number in numbers.split(",")] if numbers else of_junit(word)
        name = name if numbers else pathlib.Path(word).stem
        print(f"  {name:<24} {counts[0]:5} passed {counts[1]:4} failed {counts[2]:4} skipped")
        total = [sum(pair) for pair in zip(total, counts)]
    print("{} passed, {} failed, {} skipped".format(*total))
    return 1 if total[1] else 0


if __name__ == "__main__":
    sys.exit(main())

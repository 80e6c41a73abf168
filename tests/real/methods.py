"""Run CPython's own tests (as python3 -m test does) and write each method's start and result to a file.

Usage: methods.py FILE ARGUMENTS-OF-REGRTEST...
The file is written as the run goes on, so that it also tells which method a crash or a hang has ended.
"""

import fcntl
import os
import sys

RESULTS = {"startTest": "started", "addSuccess": "ok", "addFailure": "FAILED", "addError": "ERROR", "addSkip": "skipped",
           "addExpectedFailure": "failed as expected", "addUnexpectedSuccess": "unexpected success"}


def watched(result_class, path):
    """Wrap the methods by which unittest tells results."""
    first = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    fd = fcntl.fcntl(first, fcntl.F_DUPFD_CLOEXEC, 900)  # out of the way of tests that count descriptors
    os.close(first)
    process = os.getpid()

    def tell(test, what):
        if os.getpid() == process:
            os.write(fd, f"{test.id()}\t{what}\n".encode(errors="backslashreplace"))

    def wrap(name, what):
        original = getattr(result_class, name)

        def method(self, test, *args):
            tell(test, what)
            return original(self, test, *args)
        setattr(result_class, name, method)

    for name, what in RESULTS.items():
        wrap(name, what)
    original = result_class.addSubTest

    def add_sub_test(self, test, subtest, error):
        if error is not None:
            tell(test, "FAILED")
        return original(self, test, subtest, error)
    result_class.addSubTest = add_sub_test


if __name__ == "__main__":
    path = sys.argv[1]
    sys.argv = [os.path.join(os.path.dirname(os.__file__), "test", "__main__.py"), *sys.argv[2:]]
    sys.path[0] = ""  # as with python3 -m test
    from test.libregrtest import main
    from test.support import testresult
    watched(testresult.RegressionTestResult, path)
    main()

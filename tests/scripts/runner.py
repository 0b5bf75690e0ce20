# SPDX-License-Identifier: GPL-2.0
"""Runs the unittest cases of a script, and ends with the line that scripts/check reads."""

import sys
import unittest


def main() -> int:
    """Runs all cases of the script, and returns the exit status."""
    suite = unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"])
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(suite)
    failed = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - failed} passed, {failed} failed")
    return int(failed > 0 or not result.testsRun)

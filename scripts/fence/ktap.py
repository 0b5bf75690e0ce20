# SPDX-License-Identifier: GPL-2.0
"""Reads the reports of KUnit in the kernel's log, with the kernel's own parser of KTAP.

The parser (tools/testing/kunit/kunit_parser.py of the kernel source) compares each plan with the
results, and recognizes a suite that ends in the middle.
"""

import importlib
import os
import re
import subprocess
import sys
import types
from collections.abc import Iterator

from .counts import Counts

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
# scripts/vm writes this line to the log before it loads the module. The kernel's own suites have run
# before it.
LOADING = "fence-vm: loading the module"
# The prefix of a line, as `dmesg -r` or the console prints it.
PREFIX = re.compile(r"^(?:<\d+>)?\[ *\d+\.\d+\](\[[^]]*\])? ?")


def kernel_parser() -> types.ModuleType:
    """Imports and returns the kernel's module `kunit_parser`."""
    if "kunit_parser" not in sys.modules:
        source = subprocess.run([f"{TOP}/scripts/kernel/get"], stdout=subprocess.PIPE, text=True,
                                check=True).stdout.strip()
        sys.path.insert(0, f"{source}/tools/testing/kunit")
        sys.dont_write_bytecode = True
    return importlib.import_module("kunit_parser")


class Errors:
    """A printer for the parser that keeps errors instead of printing them."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def print_with_timestamp(self, message: str) -> None:
        """Receives a line."""
        if message.startswith("[ERROR] "):
            self.found.append(message.removeprefix("[ERROR] "))

    def red(self, text: str) -> str:
        """Returns a text without colors."""
        return text

    green = yellow = red

    def color_len(self) -> int:
        """Returns the length of the escape sequences of a color: none."""
        return 0


def module_lines(log: str) -> list[str] | None:
    """Returns the lines of a log since the module was loaded, without prefixes; None if it wasn't."""
    _, found, text = log.rpartition(LOADING)
    return [PREFIX.sub("", line) for line in text.splitlines()[1:]] if found else None


def outcomes(lines: list[str], expected: dict[str, list[str]]) -> Iterator[tuple[str, str]]:
    """Yields (name, outcome) for each case that ran or must run, and for each broken plan.

    `expected` has the cases of each suite. An outcome is "pass", "skip" or "fail".
    """
    errors = Errors()
    parser = kernel_parser()
    main = parser.parse_run_tests(lines, errors)
    words = {parser.TestStatus.SUCCESS: "pass", parser.TestStatus.SKIPPED: "skip"}
    failed = False
    ran: dict[str, set[str]] = {}
    for suite in main.subtests:
        seen = ran.setdefault(suite.name, set())
        for case in suite.subtests:
            outcome = words.get(case.status, "fail")
            failed |= outcome == "fail"
            if case.name in seen:
                failed = True
                yield f"{suite.name}.{case.name}: ran twice", "fail"
            seen.add(case.name)
            yield f"{suite.name}.{case.name or '(no name)'}", outcome
    for suite, cases in expected.items():
        if not cases:
            failed = True
            yield f"{suite}: the sources have no case of it", "fail"
        if suite not in ran:
            failed = True
            yield f"{suite}: the suite did not run", "fail"
            continue
        for case in cases:
            if case not in ran[suite]:
                failed = True
                yield f"{suite}.{case}: did not run", "fail"
    for suite, found in ran.items():
        for case in sorted(found - set(expected.get(suite, ()))):
            failed = True
            yield f"{suite}.{case}: ran, and the sources have no such case", "fail"
    for error in errors.found:
        failed = True
        yield f"KTAP: {error}", "fail"
    # The remaining suites failed although no case of theirs did.
    if not failed and not main.ok_status():
        yield f"KTAP: {main.status.name}", "fail"


def take(log: str, expected: dict[str, list[str]], counts: Counts, where: str) -> None:
    """Counts the cases in a log. `counts` is a Counts."""
    if not expected:
        counts.take(where, "KUnit: the sources have no suite", "fail")
    lines = module_lines(log)
    if lines is None:
        counts.take(where, "KUnit: the module was not loaded", "fail")
        return
    for name, outcome in outcomes(lines, expected):
        counts.take(where, name, outcome)

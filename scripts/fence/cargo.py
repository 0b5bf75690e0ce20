# SPDX-License-Identifier: GPL-2.0
"""Compares the output of `cargo test` with the tests that the sources have."""

import os
import re

from .counts import Counts
from .sources import examples, read

TEST = re.compile(r"^ *#\[test\]$", re.M)
RESULT = re.compile(r"^test (.*) \.\.\. (ok|FAILED|ignored.*)$", re.M)
PLAN = re.compile(r"^running (\d+) tests?$", re.M)


def expected(tree: str) -> tuple[int, int]:
    """Returns how many tests and examples the crates below a directory have."""
    tests = shown = 0
    for directory, _, names in os.walk(tree):
        for name in names:
            if name.endswith(".rs"):
                text = read(f"{directory}/{name}")
                tests += len(TEST.findall(text))
                shown += examples(text, not_run=("text", "ignore"))
    return tests, shown


def take(output: str, wanted: tuple[int, int], counts: Counts, where: str) -> None:
    """Counts the results. `wanted` is how many tests and examples there must be."""
    found = RESULT.findall(output)
    for name, outcome in found:
        counts.take(where, name, {"ok": "pass", "FAILED": "fail"}.get(outcome, "skip"))
    # cargo names an example after its file and line.
    shown = sum(" (line " in name for name, _ in found)
    planned = sum(map(int, PLAN.findall(output)))
    if planned != len(found):
        counts.take(where, f"planned {planned}, ran {len(found)}", "fail")
    if (len(found) - shown, shown) != wanted:
        counts.take(where, f"ran {len(found) - shown} tests and {shown} examples, the sources "
                    f"have {wanted[0]} and {wanted[1]}", "fail")

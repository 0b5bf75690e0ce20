# SPDX-License-Identifier: GPL-2.0
"""Reads from the sources of rust/kernel which KUnit suites and cases must run.

The guest reports only what it has run. A suite that was not compiled, was not linked or was filtered
out is in none of the guest's plans. So this list comes from the files.
"""

import os
import re
from collections.abc import Iterable

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
CRATE = f"{TOP}/rust/kernel"
# The suites that break rules on purpose are compiled with this option, for tests/negative/run only.
NEGATIVE = "CONFIG_KERNEL_OVERLAY_NEGATIVE_TEST"
# The one suite of the module that scripts/doctests builds.
DOCTESTS = "rust_doctests_kernel"

SUITE = re.compile(r"^#\[kunit_tests\((\w+)\)\]$", re.M)
CASE = re.compile(r"^ *#\[test\]\n(?: *#\[.*\]\n)* *fn (\w+)\(", re.M)
# The first and the last line of an example. Words after the quotes may exclude it from the run.
EXAMPLE = re.compile(r"^ *//[/!] ```(.*)$")
NOT_RUN = ("text", "ignore", "compile_fail", "no_run")


def rust_files(crate: str = CRATE) -> list[str]:
    """Returns the sorted paths of the crate's files, relative to the crate."""
    return sorted(os.path.relpath(f"{directory}/{name}", crate)
                  for directory, _, names in os.walk(crate)
                  for name in names if name.endswith(".rs"))


def read(path: str) -> str:
    """Returns the text of a file."""
    with open(path, encoding="utf-8") as file:
        return file.read()


def condition(path: str, crate: str = CRATE) -> str | None:
    """Returns the option that the `mod` of a file depends on, or None.

    For a file that no `mod` names, it returns None. So the suite is expected, and fails because it is
    missing.
    """
    directory, name = os.path.split(path)
    parent = f"{crate}/{directory}.rs" if directory else f"{crate}/lib.rs"
    match = re.search(rf"^#\[cfg\((\w+)\)\]\n(?:pub )?mod {name[:-3]};$", read(parent), re.M) \
        if os.path.exists(parent) else None
    return match[1] if match else None


def suites(negative: bool = False, crate: str = CRATE) -> dict[str, list[str]]:
    """Returns the suites of the KUnit variant, each with the names of its cases.

    With `negative`, returns the suites of tests/negative/run instead.
    """
    found = {}
    for path in rust_files(crate):
        parts = SUITE.split(read(f"{crate}/{path}"))[1:]
        if parts and (condition(path, crate) == NEGATIVE) == negative:
            for name, text in zip(parts[::2], parts[1::2], strict=True):
                found[name] = CASE.findall(text)
    return found


def examples(text: str, not_run: Iterable[str] = NOT_RUN) -> int:
    """Returns how many examples in the documentation of a file run: those without a word of `not_run`."""
    count, inside = 0, False
    for line in text.splitlines():
        match = EXAMPLE.match(line)
        if not match:
            continue
        if not inside:
            count += set(not_run).isdisjoint(match[1].strip().split(","))
        inside = not inside
    return count


def doctests(crate: str = CRATE) -> dict[str, list[str]]:
    """Returns the suite of the examples. scripts/rustdoc_test_gen.rs of the kernel names the cases so."""
    cases: list[str] = []
    for path in rust_files(crate):
        name = re.sub(r"[/.]", "_", path)
        cases += [f"rust_doctest_kernel_{name}_{number}"
                  for number in range(examples(read(f"{crate}/{path}")))]
    return {DOCTESTS: cases}

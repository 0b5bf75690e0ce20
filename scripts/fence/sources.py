# SPDX-License-Identifier: GPL-2.0
"""Which KUnit suites and cases must run, read from the sources of rust/kernel.

The guest can only tell what it has run. That nothing is missing is decided by the files: a
suite that was not compiled, was not linked or was filtered out is in none of the guest's plans.
"""

import os
import re
from collections.abc import Iterable

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
CRATE = f"{TOP}/rust/kernel"
# The suites that break rules on purpose are built for tests/negative/run only.
NEGATIVE = "CONFIG_KERNEL_OVERLAY_NEGATIVE_TEST"
# The one suite of the module that scripts/doctests builds.
DOCTESTS = "rust_doctests_kernel"

SUITE = re.compile(r"^#\[kunit_tests\((\w+)\)\]$", re.M)
CASE = re.compile(r"^ *#\[test\]\n(?: *#\[.*\]\n)* *fn (\w+)\(", re.M)
# The first and the last line of an example. Words behind the quotes may say that it isn't run.
EXAMPLE = re.compile(r"^ *//[/!] ```(.*)$")
NOT_RUN = ("text", "ignore", "compile_fail", "no_run")


def rust_files(crate: str = CRATE) -> list[str]:
    """The paths of the crate's files, each relative to the crate, in order."""
    return sorted(os.path.relpath(f"{directory}/{name}", crate)
                  for directory, _, names in os.walk(crate)
                  for name in names if name.endswith(".rs"))


def read(path: str) -> str:
    """The text of a file."""
    with open(path, encoding="utf-8") as file:
        return file.read()


def condition(path: str, crate: str = CRATE) -> str | None:
    """The option that the `mod` of a file depends on, or None.

    A file that no `mod` names has none: its suite is expected, and will be missed.
    """
    directory, name = os.path.split(path)
    parent = f"{crate}/{directory}.rs" if directory else f"{crate}/lib.rs"
    match = re.search(rf"^#\[cfg\((\w+)\)\]\n(?:pub )?mod {name[:-3]};$", read(parent), re.M) \
        if os.path.exists(parent) else None
    return match[1] if match else None


def suites(negative: bool = False, crate: str = CRATE) -> dict[str, list[str]]:
    """The suites of the KUnit variant, each with the names of its cases.

    `negative` asks for those of tests/negative/run instead.
    """
    found = {}
    for path in rust_files(crate):
        parts = SUITE.split(read(f"{crate}/{path}"))[1:]
        if parts and (condition(path, crate) == NEGATIVE) == negative:
            for name, text in zip(parts[::2], parts[1::2], strict=True):
                found[name] = CASE.findall(text)
    return found


def examples(text: str, not_run: Iterable[str] = NOT_RUN) -> int:
    """How many examples of the documentation in a file are run: all but those with a word of `not_run`."""
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
    """The suite of the examples, as scripts/rustdoc_test_gen.rs of the kernel names its cases."""
    cases: list[str] = []
    for path in rust_files(crate):
        name = re.sub(r"[/.]", "_", path)
        cases += [f"rust_doctest_kernel_{name}_{number}"
                  for number in range(examples(read(f"{crate}/{path}")))]
    return {DOCTESTS: cases}

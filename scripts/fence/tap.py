# SPDX-License-Identifier: GPL-2.0
"""Reads and counts the results of programs that print TAP."""

import re
from collections.abc import Iterable

from .counts import Counts

RESULT = re.compile(r"^(not )?ok (\d+) ?-? ?(.*)$")
# The line of a program that is skipped as a whole, and its exit statuses then: 4 is KSFT_SKIP.
SKIPPED = re.compile(r"^1\.\.0 # ?SKIP (.*)$", re.M)
GOOD = ("0", "4")


def take_lines(lines: Iterable[str], counts: Counts, where: str) -> bool:
    """Counts the results among lines, and returns whether they match the plan.

    If they do not match, counts one more failure: there is no plan, or a result is missing, is not in
    the plan, or has a wrong number.
    """
    planned: list[int] = []
    numbers: list[int] = []
    for line in lines:
        if match := re.match(r"^1\.\.(\d+)", line):
            planned.append(int(match[1]))
        elif match := RESULT.match(line):
            numbers.append(int(match[2]))
            skipped = re.search(r"# ?SKIP", match[3])
            counts.take(where, match[3], "fail" if match[1] else "skip" if skipped else "pass")
    good = len(planned) == 1 and planned[0] > 0 and numbers == list(range(1, planned[0] + 1))
    if not good:
        plan = " and ".join(map(str, planned)) or "nothing"
        counts.take(where, f"planned {plan}, ran {len(numbers)}"
                    + (f" as {numbers}" if len(numbers) in planned else ""), "fail")
    return good


def take_program(text: str, status: str, counts: Counts, where: str) -> None:
    """Counts the results in the output of one program. `status` is its exit status."""
    skipped = SKIPPED.search(text)
    if skipped and status in GOOD and not re.search(r"^(not )?ok ", text, re.M):
        counts.take(where, skipped[1], "skip")
        return
    before = counts.failed
    take_lines(text.splitlines(), counts, where)
    if status not in GOOD and counts.failed == before:
        counts.take(where, f"ended with {status}", "fail")
    if counts.failed > before:
        print("".join(f"    | {line}\n" for line in text.splitlines()
                      if not line.startswith(("ok ", "#  RUN", "#            OK"))), end="")


def take_programs(output: str, wanted: Iterable[str], counts: Counts, kernel: str) -> None:
    """Counts the results of the programs of a guest. Two lines with its name enclose each output."""
    for where in wanted:
        match = re.search(rf"^@test {re.escape(where)}$(.*?)^@status {re.escape(where)} (\d+)$",
                          output, re.M | re.S)
        if match:
            take_program(match[1], match[2], counts, f"{kernel} {where}")
        else:
            counts.take(f"{kernel} {where}", "did not run to its end", "fail")

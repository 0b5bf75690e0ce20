# SPDX-License-Identifier: GPL-2.0
"""Decides which lines of a kernel's log are failures."""

import argparse
import itertools
import re
import sys
from collections.abc import Iterator

from . import qemu

# Each pattern matches a line that begins a report: of a checker, which has its name in the line, or
# of the kernel when it finds an error of its own.
REPORTS = re.compile("|".join([
    r"\bBUG\b", r"\bWARNING\b", r"\bOops\b", r"Kernel panic", r"general protection fault",
    r"Unable to handle kernel", r"Internal error", r"kernel BUG at", r"CFI failure",
    r"\bKASAN\b", r"\bKFENCE\b", r"\bUBSAN\b", r"\bKCSAN\b", r"ODEBUG",
    r"kmemleak: .*(unreferenced object|new suspected)",
    r"possible circular locking", r"possible recursive locking", r"inconsistent lock state",
    r"possible irq lock inversion", r"suspicious RCU usage", r"Invalid wait context",
    r"invalid wait context", r"held lock freed", r"bad unlock balance",
    r"lock held when returning", r"turning off the locking correctness validator",
    r"sleeping function called", r"scheduling while atomic", r"rcu: INFO:.*stall",
    r"detected stall", r"blocked for more than", r"soft lockup", r"refcount_t:",
    r"list_(add|del) corruption", r"page allocation failure", r"bad: scheduling",
    r"Voluntary context switch within RCU",
]))

# Lines that follow from a report right before them.
CONSEQUENCE = re.compile(r"Oops|Kernel panic|Internal error|general protection|unable to handle",
                         re.IGNORECASE)

# Lines that look like a report and are none.
HARMLESS = re.compile("|".join([
    r"loading out-of-tree module taints",
    r"ftrace-bug", r"bug-compat", r"DEBUG_", r"debug:",
    # A line of KUnit's own output.
    r"# Subtest", r"^ok \d", r"^# ",
]))

# The prefix of `dmesg -r`.
PREFIX = re.compile(r"^<\d+>")
# The time after this prefix, and the process, which may be missing.
STAMP = re.compile(r"^\[ *\d+\.\d+\](\[[^]]*\])? ?")
CONTEXT = 40
# The init script writes this line to the log before it loads the module.
LOADING = "fence-vm: loading the module"


def reports(text: str) -> Iterator[tuple[int, str]]:
    """Yields the lines of a log that begin a report, with their indices."""
    for number, line in enumerate(PREFIX.sub("", line) for line in text.splitlines()):
        message = STAMP.sub("", line).strip()
        if REPORTS.search(message) and not HARMLESS.search(message):
            yield number, line


def show(text: str, number: int) -> None:
    """Prints a report."""
    lines = [PREFIX.sub("", line) for line in text.splitlines()]
    for line in lines[number:number + CONTEXT]:
        print("  |", line, file=sys.stderr)


def blocks(text: str) -> Iterator[list[str]]:
    """Returns the reports of a log, each as a list of lines.

    A panic, an oops or a trace right after a report is part of that report.
    """
    lines = [PREFIX.sub("", line) for line in text.splitlines()]
    starts: list[int] = []
    for number, line in reports(text):
        follows = starts and number - starts[-1] < CONTEXT and CONSEQUENCE.search(line)
        inside = starts and number - starts[-1] < 4
        if not follows and not inside:
            starts.append(number)
    for start, end in itertools.pairwise([*starts, len(lines)]):
        yield lines[start:min(end, start + CONTEXT)]


def refused(result: qemu.Result) -> None:
    """Prints why the module did not load: the output of insmod, and the kernel's messages since."""
    print("scripts/vm: the module does not load:", file=sys.stderr)
    lines = result.kernel_log().splitlines()
    begin = next((i for i, line in enumerate(lines) if LOADING in line), len(lines))
    # insmod tries two system calls, so the kernel may print everything twice.
    said = dict.fromkeys(STAMP.sub("", PREFIX.sub("", line)) for line in lines[begin + 1:])
    for line in [*(result.refused or "").splitlines(), *said]:
        print("  |", line, file=sys.stderr)


def tail(text: str) -> None:
    """Prints the end of a log."""
    show(text, max(len(text.splitlines()) - CONTEXT, 0))


def late(result: qemu.Result, args: argparse.Namespace) -> str:
    """Returns which time limit was exceeded, and by what."""
    if result.pace is None:
        return "scripts/vm: the guest did not boot"
    return f"scripts/vm: the command did not end within {args.timeout} s" + \
        (f", times {result.pace} for a machine that is slow" if result.pace > 1 else "")


def judge(result: qemu.Result, args: argparse.Namespace) -> int:
    """Prints the result of a run, and returns the exit status."""
    text = result.kernel_log()
    found = ["\n".join(block) for block in blocks(text)]
    missing = [regex for regex in args.expect
               if not any(re.search(regex, block) for block in found)]
    bad = [block for block in found
           if not any(re.search(regex, block) for regex in args.expect)]
    if bad:
        print(f"scripts/vm: {len(bad)} report(s) in the guest's log; the first:", file=sys.stderr)
        show(bad[0], 0)
        return 125
    if result.given_up:
        print("scripts/vm: KVM could not go on with the guest; FENCE_ACCEL=tcg does without it",
              file=sys.stderr)
        return 126
    if result.timed_out or result.late:
        print(late(result, args), file=sys.stderr)
        tail(text)
        return 124
    if result.refused is not None:
        refused(result)
        return 127
    if missing:
        print(f"scripts/vm: the guest's log has no report that matches {missing[0]!r}",
              file=sys.stderr)
        return 125
    if not result.complete and not args.expect:
        print("scripts/vm: the guest died", file=sys.stderr)
        tail(text)
        return 126
    return 0 if args.expect and result.status is None else (result.status or 0)

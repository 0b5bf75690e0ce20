# SPDX-License-Identifier: GPL-2.0
"""Tests mutants in a guest: KUnit, then the selftests that touch the file.

Several mutants share a boot, one after the other. A mutant that ends its guest is judged by that
only if it was the first one there: what another one has broken before must not count for it.
"""

import os
import re
import shutil
import subprocess
import tempfile

from fence import ktap, log, sources

HERE = os.path.dirname(os.path.realpath(__file__))
TOP = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
# Seconds for a program whose time on this machine isn't known, and the least for one.
LIMIT, LEAST = 240, 10


class Programs:
    """The selftests, and how long each took on the tree as it is."""

    def __init__(self, scratch, leave_out="^$"):
        directory = subprocess.run([f"{TOP}/scripts/test_programs", "x86_64"], check=True, text=True,
                                   stdout=subprocess.PIPE).stdout.strip()
        self.names = sorted(name for name in os.listdir(directory)
                            if name.startswith("test_") and "." not in name
                            and not re.search(leave_out, name))
        self.stripped = f"{scratch}/programs"
        os.makedirs(self.stripped, exist_ok=True)
        for name in self.names:
            subprocess.run(["llvm-strip-22", "-o", f"{self.stripped}/{name}",
                            f"{directory}/{name}"], check=True)
        self.seconds = {}
        # As they are now: the tree may change while this runs.
        self.suites = sources.suites()

    def limit(self, name):
        """Seconds that a program may take."""
        return max(LEAST, 4 * self.seconds[name]) if name in self.seconds else LIMIT


def kunit_failure(lines, suites):
    """What of KUnit is not as it must be, or None."""
    if not suites:
        return None
    found = [name for name, outcome in ktap.outcomes(lines, suites) if outcome == "fail"]
    return found[0] if found else None


def judge(text, suites):
    """What one mutant's part of a guest's output came to: (outcome, by, clean).

    `suites` are those that must run. Clean is whether the guest could go on with another one.
    """
    lines = [ktap.PREFIX.sub("", line) for line in re.findall(r"^@log (.*)$", text, re.M)]
    report = next((line.strip()[:100] for _, line in log.reports("\n".join(lines))), None)
    done = re.search(r"^@done ", text, re.M)
    if match := re.search(r"^@(?:failed|late) (.*)$", text, re.M):
        late = match[0].startswith("@late")
        return "killed", ("does not end: " if late else "") + match[1].strip(), bool(done)
    if match := re.search(r"^@report (.*)$", text, re.M):
        return "killed", f"{match[1]}: {report or 'a report'}", False
    if not done:
        return "killed", "the guest died", False
    if report:
        return "killed", report, False
    if failure := kunit_failure(lines, suites):
        return "killed", f"KUnit {failure}", True
    return "survived", "", True


def has_suites(path):
    """Whether KUnit tests a file: it tests rust/kernel, and knows no driver."""
    return path.startswith("rust/")


def boot(modules, programs, scratch):
    """Runs a guest over [(module, file, [program])]; returns the output of each that was begun."""
    with tempfile.TemporaryDirectory(prefix="fence-mutants-", dir=scratch) as add:
        os.makedirs(f"{add}/root/mutants")
        os.makedirs(f"{add}/root/usr/lib")
        shutil.copytree(programs.stripped, f"{add}/root/usr/lib/fence_exporter")
        shutil.copy(f"{HERE}/guest.sh", f"{add}/root/mutants/guest.sh")
        total = 60
        with open(f"{add}/root/mutants/list", "w", encoding="utf-8") as file:
            for number, (module, path, names) in enumerate(modules):
                shutil.copy(module, f"{add}/root/mutants/{number}.ko")
                words = [f"{name}:{programs.limit(name)}" for name in names]
                total += 60 + sum(programs.seconds.get(name, LIMIT) for name in names)
                print(number, "*" if has_suites(path) else "none", *words, file=file)
        # It can be watched there.
        with open(f"{add}/output", "w", encoding="utf-8") as file:
            subprocess.run(
                [f"{TOP}/scripts/vm", "run", "--no-load", "--add", f"{add}/root", "--memory", "2G",
                 "--timeout", str(2 * total), "--device", "virtio-gpu-pci", "--", "sh",
                 "/mutants/guest.sh"],
                stdout=file, stderr=subprocess.STDOUT, check=False)
        with open(f"{add}/output", encoding="utf-8", errors="replace") as file:
            output = file.read()
    parts = re.split(r"^@mutant \d+$", output, flags=re.M)
    if len(parts) < 2:
        raise SystemExit(f"tests/mutants/run: the guest has tested nothing:\n{output[-3000:]}")
    return parts[1:]


def test(modules, programs, scratch):
    """Yields (index, outcome, by, seconds-of-programs) for each of [(module, file, [program])]."""
    left = list(range(len(modules)))
    while left:
        parts = boot([modules[index] for index in left], programs, scratch)
        for place, text in enumerate(parts):
            outcome, by, clean = judge(text, programs.suites if has_suites(modules[left[place]][1]) else {})
            if not clean and place:
                # It may have been the one before: once more, as the first.
                left = left[place:]
                break
            times = {name: int(seconds)
                     for name, seconds in re.findall(r"^@ran (\w+) (\d+)$", text, re.M)}
            yield left[place], outcome, by, times
        else:
            left = left[len(parts):]

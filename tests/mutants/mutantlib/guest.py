# SPDX-License-Identifier: GPL-2.0
"""Tests mutants in a guest: KUnit, then the selftests that touch the mutant's file.

A guest tests several mutants in one boot, one after the other. If a mutant ends its guest, that result
counts only if the mutant was the first one in the boot. Otherwise an earlier mutant may have caused it.
"""

import os
import re
import select
import shutil
import subprocess
import tempfile

from fence import ktap, log, sources

HERE = os.path.dirname(os.path.realpath(__file__))
TOP = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
# Time limits of a program in seconds: if its time on this machine isn't known, and the shortest one.
LIMIT, LEAST = 240, 4
# Time limits in seconds: for a guest to boot, and for its silence after the limit of a program. If a
# mutant has locked up the processor, the shell that would end the program does not run.
BOOT, SILENCE = 60, 30
# A guest that got no timer is started again, this many times in all.
BOOTS = 10


class Unusable(Exception):
    """The guests can't test anything. The text says why."""


class Programs:
    """The selftests, and how long each took on the unchanged tree."""

    def __init__(self, scratch, smp, leave_out):
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
        # With one processor whose clock counts instructions, the results do not depend on the load of
        # this machine, no timer is late, and sleeping takes no time.
        self.machine = ["--smp", str(smp)] if smp else ["--icount", "2"]
        # Read now, because the tree may change during the run.
        self.suites = sources.suites()

    def limit(self, name):
        """Returns the time limit of a program, in seconds."""
        return max(LEAST, 2 * self.seconds[name]) if name in self.seconds else LIMIT


def kunit_failure(lines, suites):
    """Returns the first KUnit result that is wrong, or None."""
    if not suites:
        return None
    found = [name for name, outcome in ktap.outcomes(lines, suites) if outcome == "fail"]
    return found[0] if found else None


def judge(text, suites):
    """Judges the part of a guest's output that belongs to one mutant. Returns (outcome, by, clean).

    `suites` are those that must run. `clean` is whether the guest could test another mutant afterwards.
    """
    lines = [ktap.PREFIX.sub("", line) for line in re.findall(r"^@log (.*)$", text, re.M)]
    report = next((line.strip()[:100] for _, line in log.reports("\n".join(lines))), None)
    done = re.search(r"^@done ", text, re.M)
    if match := re.search(r"^@(failed|late) (.*)$", text, re.M):
        late = match[1] == "late"
        return "killed", ("does not end: " if late else "") + match[2].strip(), bool(done)
    if match := re.search(r"^@report (.*)$", text, re.M):
        return "killed", f"{match[1]}: {report or 'a report'}", False
    if not done:
        begun = re.findall(r"^@begin (\w+)$", text, re.M)
        return "killed", f"{begun[-1]}: the guest died" if begun else "the guest died", False
    if report:
        return "killed", report, False
    if failure := kunit_failure(lines, suites):
        return "killed", f"KUnit {failure}", True
    return "survived", "", True


def has_suites(path):
    """Returns whether KUnit tests a file. It tests rust/kernel, but no driver."""
    return path.startswith("rust/")


def listen(process, limits):
    """Returns the output of a guest until it ends, or has been silent for longer than its limits."""
    output, seconds = "", BOOT
    os.set_blocking(process.stdout.fileno(), False)
    while select.select([process.stdout], [], [], seconds + SILENCE)[0]:
        data = process.stdout.read()
        if not data:
            return output
        output += data.decode(errors="replace")
        if begun := re.findall(r"^@begin (\w+)$", output, re.M):
            # The limit is by the guest's clock, which may be slower than the host's.
            seconds = 4 * limits.get(begun[-1], LEAST)
    begun = re.findall(r"^@begin (\w+)$", output, re.M)
    return output + f"\n@late {begun[-1] if begun else 'boot'}\n"


def boot(modules, programs, scratch):
    """Runs a guest that tests each of [(module, file, [program])], and returns its output."""
    with tempfile.TemporaryDirectory(prefix="fence-mutants-", dir=scratch) as add:
        os.makedirs(f"{add}/mutants")
        os.makedirs(f"{add}/usr/lib")
        shutil.copytree(programs.stripped, f"{add}/usr/lib/fence_exporter")
        shutil.copy(f"{HERE}/guest.sh", f"{add}/mutants/guest.sh")
        limits = {name: programs.limit(name) for name in ["KUnit", *programs.names]}
        total = BOOT
        with open(f"{add}/mutants/list", "w", encoding="utf-8") as file:
            for number, (module, path, names) in enumerate(modules):
                shutil.copy(module, f"{add}/mutants/{number}.ko")
                total += limits["KUnit"] + sum(limits[name] for name in names)
                print(number, "*" if has_suites(path) else "none", limits["KUnit"],
                      *[f"{name}:{limits[name]}" for name in names], file=file)
        with subprocess.Popen(
                [f"{TOP}/scripts/vm", "run", "--no-load", "--add", add, "--memory", "2G",
                 *programs.machine, "--timeout", str(total),
                 "--device", "virtio-gpu-pci", "--", "sh", "/mutants/guest.sh"],
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
            try:
                return listen(process, limits)
            finally:
                process.terminate()


def boot_with_timer(modules, programs, scratch):
    """Runs guests until one has a timer. Returns the output for each module whose test began."""
    for _ in range(BOOTS):
        output = boot(modules, programs, scratch)
        if not re.search(r"^@again$", output, re.M):
            break
    else:
        raise Unusable("guests have no timer: the machine is too busy")
    parts = re.split(r"^@mutant \d+$", output, flags=re.M)
    if len(parts) < 2:
        raise Unusable(f"the guest has tested nothing:\n{output[-3000:]}")
    return parts[1:]


def test(modules, programs, scratch):
    """Yields (index, outcome, by, seconds-of-programs) for each of [(module, file, [program])]."""
    left = list(range(len(modules)))
    while left:
        parts = boot_with_timer([modules[index] for index in left], programs, scratch)
        for place, text in enumerate(parts):
            suites = programs.suites if has_suites(modules[left[place]][1]) else {}
            outcome, by, clean = judge(text, suites)
            if not clean and place:
                # An earlier mutant may be the cause: test this one again, as the first in a boot.
                left = left[place:]
                break
            times = {name: int(seconds)
                     for name, seconds in re.findall(r"^@ran (\w+) (\d+)$", text, re.M)}
            yield left[place], outcome, by, times
        else:
            left = left[len(parts):]

# SPDX-License-Identifier: GPL-2.0
"""What the steps of tests/hard/run share: modules, guests, and what came of them."""

import importlib.machinery
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile

from fence import tap
from fence.counts import Counts

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__)))))

# How modules and programs are built is scripts/test's to say.
_loader = importlib.machinery.SourceFileLoader("scripts_test", f"{TOP}/scripts/test")
_spec = importlib.util.spec_from_loader("scripts_test", _loader)
test = importlib.util.module_from_spec(_spec)
_loader.exec_module(test)


class Run:
    """What the steps share, and what they have found."""

    def __init__(self, args):
        self.args = args
        self.counts = Counts()
        self.results = f"{TOP}/build/hard/{args.arch}"
        self.figures = {}
        self.calls = 0
        # Guests in whose log a detector had something to say, but those that were meant to.
        self.reports = 0
        # What of the module's text was reached: offsets of blocks of code.
        self.reached = set()
        os.makedirs(self.results, exist_ok=True)

    def build(self, flavour, *arguments):
        """Builds the module, or stops."""
        return test.build(*arguments, self.args.arch, flavour)

    def kcov_module(self):
        """The module with coverage; the kernel's own code has none."""
        out = f"{TOP}/build/{self.args.arch}-debug-kcov"
        return test.build("--out", out, self.args.arch, "debug", "KCOV_INSTRUMENT=y")

    def traced_module(self):
        """The gki kernel's module, with a call on each way through its code, and what it calls.

        That kernel has no KCOV, so the flags are given here.
        """
        trace = self.extra_module("tests/modules/trace", "gki")
        flags = "-Cdebuginfo=1 -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=3 " \
            "-Cllvm-args=-sanitizer-coverage-trace-pc"
        module = test.build("--out", f"{TOP}/build/{self.args.arch}-gki-traced", self.args.arch,
                           "gki", "CFLAGS_MODULE=-fsanitize-coverage=trace-pc",
                           f"KRUSTFLAGS={flags}",
                           f"KBUILD_EXTRA_SYMBOLS={os.path.dirname(trace)}/Module.symvers")
        return module, trace

    def extra_module(self, source, flavour):
        """A small module of the tests."""
        out = f"{TOP}/build/{os.path.basename(source)}-{self.args.arch}-{flavour}"
        result = subprocess.run([f"{TOP}/scripts/test_module", source, out, self.args.arch, flavour],
                                cwd=TOP, stdout=subprocess.PIPE, text=True, check=False)
        if result.returncode:
            sys.exit(1)
        return result.stdout.strip()

    def programs(self, *names):
        """A directory for the guest's root with some programs."""
        source, _ = test.programs(self.args.arch)
        add = tempfile.mkdtemp(prefix="fence-hard-")
        target = f"{add}/usr/lib/fence_exporter"
        os.makedirs(target)
        for name in names:
            shutil.copy(f"{source}/{name}", target)
        return add

    def record(self, step, flavour, *arguments, timeout):
        """Runs a guest as vm() does, and notes what of the module was reached, by whomever.

        The command prints where the module is: `@text ADDRESS`.
        """
        plugin = subprocess.run([f"{TOP}/scripts/test_programs", self.args.arch, "fuzz_plugin"], check=True,
                                stdout=subprocess.PIPE, text=True).stdout.strip() + "/reached.so"
        blocks = f"{self.results}/{step}.blocks"
        result = self.vm(step, flavour, "--plugin", f"{plugin},out={blocks}", *arguments,
                         timeout=timeout)
        text = re.search(r"^@text 0x([0-9a-f]+)", result[1], re.M)
        # A guest that could not be started has no blocks.
        if text:
            with open(blocks, encoding="ascii") as file:
                self.reached = {int(line, 16) - int(text[1], 16) for line in file}
            os.remove(blocks)
        return result

    def vm(self, step, flavour, *arguments, timeout, quiet=False):
        """Runs a guest, shows what it prints as it comes, and returns its status and output."""
        command = [f"{TOP}/scripts/vm", "run", "--arch", self.args.arch, "--kernel", flavour,
                   "--memory", "2G", "--timeout", str(timeout),
                   "--keep-log", f"{self.results}/{step}.log",
                   *(["--icount"] if self.args.icount else []), *arguments]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, errors="replace") as process, \
                open(f"{self.results}/{step}.txt", "w", encoding="utf-8") as file:
            output = ""
            for line in process.stdout:
                file.write(line)
                output += line
                if not quiet and line.startswith(("# ", "@odd", "not ok", "  |", "scripts/vm:")) \
                        and not line.startswith(("#  RUN", "#            OK")):
                    print(f"  {step}: {line}", end="", flush=True)
        self.reports += process.returncode == 125 and not quiet
        return process.returncode, output

    def tests(self, step, flavour, names, *arguments, params="sw_sync=1", timeout):
        """Runs programs that print TAP."""
        add = self.programs(*names)
        script = [f"export HARD_CYCLES={self.args.cycles}",
                  "[ ! -e /root/barrier.ko ] || insmod /root/barrier.ko"]
        for name in names:
            script += [f'echo "@test {name}"', f"/usr/lib/fence_exporter/{name} 2>&1",
                       f's=$?; echo; echo "@status {name} $s"']
        with open(f"{add}/tests.sh", "w", encoding="utf-8") as file:
            file.write("\n".join(script) + "\n")
        if "barrier" in arguments:
            os.makedirs(f"{add}/root")
            shutil.copy(self.extra_module("tests/modules/barrier", flavour), f"{add}/root")
        status, output = self.vm(step, flavour, "--add", add, "--params", params,
                                 *(a for a in arguments if a != "barrier"),
                                 "--", "sh", "/tests.sh", timeout=timeout)
        shutil.rmtree(add)
        self.outcome(step, status, output, names)
        return output

    def outcome(self, step, status, output, names):
        """Counts the results of a step, and the step itself if its guest had a report."""
        tap.take_programs(output, names, self.counts, step)
        if status:
            self.counts.take(step, f"scripts/vm ended with {status}", "fail")
        elif not names:
            self.counts.take(step, "no report", "pass")

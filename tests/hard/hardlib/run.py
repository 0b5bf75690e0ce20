# SPDX-License-Identifier: GPL-2.0
"""Code that the steps of tests/hard/run share: modules, guests, and results."""

import os
import re
import shutil
import subprocess
import tempfile

from fence import PATIENT, build, programs, tap
from fence.counts import Counts

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__)))))


class Run:
    """State that the steps share, and their results."""

    def __init__(self, args):
        self.args = args
        self.counts = Counts()
        self.results = f"{TOP}/build/hard/{args.arch}"
        self.figures = {}
        self.calls = 0
        # The number of guests whose log has an unexpected report.
        self.reports = 0
        # The code of the module that was reached: offsets of the blocks in its text.
        self.reached = set()
        os.makedirs(self.results, exist_ok=True)

    def build(self, flavour, *arguments):
        """Builds the module. If that fails, ends the program."""
        return build.module(*arguments, self.args.arch, flavour)

    def kcov_module(self):
        """Builds the module with coverage. The kernel's own code has none."""
        out = f"{TOP}/build/{self.args.arch}-debug-kcov"
        return build.module("--out", out, self.args.arch, "debug", "KCOV_INSTRUMENT=y")

    def traced_module(self):
        """Builds the gki kernel's module with a call in each branch, and the module that is called.

        That kernel has no KCOV, so this function sets the compiler's flags.
        """
        trace = self.extra_module("tests/modules/trace", "gki")
        flags = "-Cdebuginfo=1 -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=3 " \
            "-Cllvm-args=-sanitizer-coverage-trace-pc"
        module = build.module("--out", f"{TOP}/build/{self.args.arch}-gki-traced", self.args.arch,
                              "gki", "CFLAGS_MODULE=-fsanitize-coverage=trace-pc",
                              f"KRUSTFLAGS={flags}",
                              f"KBUILD_EXTRA_SYMBOLS={os.path.dirname(trace)}/Module.symvers")
        return module, trace

    def extra_module(self, source, flavour):
        """Builds a small module of the tests."""
        return build.test_module(source, self.args.arch, flavour)

    def programs(self, *names):
        """Makes a directory for the guest's root, with some programs."""
        add = tempfile.mkdtemp(prefix="fence-hard-")
        programs.lay_out(add, build.programs(self.args.arch), names)
        return add

    def record(self, step, flavour, *arguments, timeout):
        """Runs a guest as vm() does, and records which code of the module any process has reached.

        The command must print the address of the module: `@text ADDRESS`.
        """
        plugin = build.programs(self.args.arch, "fuzz_plugin") + "/reached.so"
        blocks = f"{self.results}/{step}.blocks"
        result = self.vm(step, flavour, "--plugin", f"{plugin},out={blocks}", *arguments,
                         timeout=timeout)
        text = re.search(r"^@text 0x([0-9a-f]+)", result[1], re.M)
        # A guest that could not be started has no blocks.
        if text:
            with open(blocks, encoding="ascii") as file:
                self.reached |= {int(line, 16) - int(text[1], 16) for line in file}
            os.remove(blocks)
        return result

    def vm(self, step, flavour, *arguments, timeout, quiet=False):
        """Runs a guest, and prints its output at once. Returns its status and its output."""
        command = [f"{TOP}/scripts/vm", "run", "--arch", self.args.arch, "--kernel", flavour,
                   "--memory", "2G", "--timeout", str(timeout),
                   "--keep-log", f"{self.results}/{step}.log",
                   *(["--icount"] if self.args.icount else []), *arguments]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, errors="replace") as process, \
                open(f"{self.results}/{step}.txt", "w", encoding="utf-8") as file:
            output = ""
            assert process.stdout
            for line in process.stdout:
                file.write(line)
                output += line
                if not quiet and line.startswith(("# ", "@odd", "not ok", "  |", "scripts/vm:")) \
                        and not line.startswith(("#  RUN", "#            OK")):
                    print(f"  {step}: {line}", end="", flush=True)
        self.reports += process.returncode == 125 and not quiet
        return process.returncode, output

    def tests(self, step, flavour, names, *, barrier=False, params=f"sw_sync=1 {PATIENT}", timeout):
        """Runs programs that print TAP. With `barrier`, loads the module tests/modules/barrier, too."""
        add = self.programs(*names)
        command = ["env", f"HARD_CYCLES={self.args.cycles}", *programs.run_each(add, names)]
        if barrier:
            os.makedirs(f"{add}/root")
            shutil.copy(self.extra_module("tests/modules/barrier", flavour), f"{add}/root")
            command = ["sh", "-c", 'insmod /root/barrier.ko && exec "$@"', "sh", *command]
        status, output = self.vm(step, flavour, "--add", add, "--params", params, "--", *command,
                                 timeout=timeout)
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

# SPDX-License-Identifier: GPL-2.0
"""Boots the guest in which the benchmark runs."""

import os
import re
import shutil
import subprocess
import tempfile

from . import figures, profile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__)))))
OUT = f"{TOP}/build/bench"
# The limits are as high as the benchmark needs. Otherwise, the driver is the one that users get.
# With this clock, sleeping takes no time on the host, but the timeouts of fences count it.
PARAMS = "sw_sync=1 max_pending=1048576 max_timelines=16384 timeout_ms=60000 sw_sync_timeout_ms=60000"
# In seconds of the guest's clock, which jumps over sleeps. The benchmark sleeps more than a hundred
# times, for 12 s each.
LIMIT_S = "14400"


class Failed(Exception):
    """Something could not be built or run. The text says what."""


def output_of(*command):
    """Returns the output of a script. Its messages go to standard error."""
    result = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, cwd=TOP)
    if result.returncode:
        raise Failed(f"{os.path.basename(command[0])} failed with {result.returncode}"
                     + (f":\n{result.stdout}" if result.stdout else ""))
    return result.stdout


class Machine:
    """A guest of one architecture, which runs the benchmark."""

    def __init__(self, arch):
        self.arch = arch
        self.module = output_of(f"{TOP}/scripts/module", arch, "gki").strip()
        self.kernel = output_of(f"{TOP}/scripts/kernel/build", arch, "gki").strip()
        self.programs = output_of(f"{TOP}/scripts/test_programs", arch, "bench").strip()
        os.makedirs(OUT, exist_ok=True)

    def about(self):
        """Returns a description of what is measured."""
        with open(f"{self.kernel}/include/config/kernel.release", encoding="ascii") as file:
            release = file.read().strip()
        with open(f"{self.kernel}/include/generated/compile.h", encoding="utf-8") as file:
            compiler = re.search(r'LINUX_COMPILER\s+"(.*?)"', file.read())
        commit = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=TOP, check=False,
                                capture_output=True, text=True).stdout.strip()
        return {"kernel": release, "compiler": compiler.group(1) if compiler else "",
                "commit": commit, "parameters": PARAMS}

    def run(self, rows, cgroup=None, variant=None):
        """Boots once, and returns the measurements of these rows, or of all rows if there are none.

        `cgroup` names a child memory cgroup to run in. `variant` names a variant of the module.
        """
        command = " ".join(["bench", *(["-c", cgroup] if cgroup else []), *rows])
        return figures.parse(self.boot(command, *(["--module", self.variant(variant)] if variant else [])))

    def variant(self, name):
        """Builds a variant of the module, and returns the path of its file."""
        return output_of(f"{TOP}/scripts/module", "--out", f"{OUT}/{self.arch}-{name}", self.arch, "gki",
                         f"CONFIG_FENCE_EXPORTER_{name.upper()}=y").strip()

    def count(self, rows):
        """Runs with the plugin. Returns the measurements, and what the plugin counted for each."""
        plugin = output_of(f"{TOP}/scripts/test_programs", self.arch, "bench_plugin").strip() + "/count.so"
        counts = f"{OUT}/{self.arch}.counts"
        symbols = "grep fence_exporter /proc/kallsyms; echo"
        text = self.boot(f"{symbols}; bench {' '.join(rows)}", "--plugin", f"{plugin},out={counts}")
        of_module, _, text = text.partition("\n\n")
        with open(f"{self.kernel}/System.map", encoding="ascii") as file:
            regions = profile.read(counts, profile.Symbols(file.read(), of_module))
        measurements = figures.parse(text)
        if len(measurements) != len(regions):
            raise Failed(f"the plugin has seen {len(regions)} measurements of {len(measurements)}")
        return measurements, regions

    def boot(self, command, *options):
        """Returns the output of a command in the guest."""
        with tempfile.TemporaryDirectory() as add:
            os.makedirs(f"{add}/usr/lib/fence_exporter")
            shutil.copy(f"{self.programs}/bench", f"{add}/usr/lib/fence_exporter/")
            return output_of(f"{TOP}/scripts/vm", "run", "--arch", self.arch, "--icount", "--memory", "2G",
                             "--params", PARAMS, "--timeout", LIMIT_S, "--add", add, *options,
                             "--", command)

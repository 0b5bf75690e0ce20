# SPDX-License-Identifier: GPL-2.0
"""Calls scripts/vm for tests that read the output of the guest."""

import os
import subprocess
from collections.abc import Callable

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))

# Time limit of a test program, or of the KUnit cases of a module, in seconds. Some flavours of the kernel
# are slower than the others. scripts/vm allows more on a slow machine.
LIMIT = 120
SLOW = {"debug": 400, "debug-rt": 600, "debian-rt": 300}


def limit(flavour: str) -> int:
    """Returns the time limit for a flavour of the kernel."""
    return SLOW.get(flavour, LIMIT)


def run(arch: str, flavour: str, *arguments: str, timeout: int,
        heard: Callable[[str], None] | None = None) -> tuple[int, str]:
    """Runs a guest. Returns the status of scripts/vm, and its output.

    `heard` is called with each line as soon as it is printed.
    """
    lines = []
    with subprocess.Popen(
            [f"{TOP}/scripts/vm", "run", "--arch", arch, "--kernel", flavour,
             "--timeout", str(timeout), *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace") as process:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line)
            if heard:
                heard(line)
    return process.returncode, "".join(lines)

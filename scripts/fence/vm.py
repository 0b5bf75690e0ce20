# SPDX-License-Identifier: GPL-2.0
"""Calls scripts/vm, for tests that read what the guest has printed."""

import os
import subprocess
from collections.abc import Callable

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))

# Seconds for a test program, or for the KUnit cases of a module, by the flavour of the kernel.
# scripts/vm allows more on a slow machine.
LIMIT = {"gki": 120, "debug": 400, "debug-rt": 600, "debian": 120, "debian-rt": 300, "debian-16k": 120,
         "gki-norust": 120, "debian-7.2": 120}


def run(arch: str, flavour: str, *arguments: str, timeout: int,
        heard: Callable[[str], None] | None = None) -> tuple[int, str]:
    """Runs a guest; returns the status of scripts/vm, and what it printed.

    `heard` is given each line as soon as it is printed.
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

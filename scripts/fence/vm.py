# SPDX-License-Identifier: GPL-2.0
"""Calls scripts/vm, for tests that read what the guest has printed."""

import os
import subprocess

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))

# Seconds for a test program, or for the KUnit cases of a module, by the flavour of the kernel.
# scripts/vm allows more on a slow machine.
LIMIT = {"gki": 120, "debug": 400, "debug-rt": 600}


def run(arch: str, flavour: str, *arguments: str, timeout: int) -> tuple[int, str]:
    """Runs a guest; returns the status of scripts/vm, and what it printed."""
    process = subprocess.run(
        [f"{TOP}/scripts/vm", "run", "--arch", arch, "--kernel", flavour,
         "--timeout", str(timeout), *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=False)
    return process.returncode, process.stdout

# SPDX-License-Identifier: GPL-2.0
"""Runs KUnit cases in a guest, by loading the module that has them."""

import os

from . import ktap, vm
from .counts import Counts


def load(kernel: str, module: str, expected: dict[str, list[str]], counts: Counts, log: str,
         name: str, command: tuple[str, ...] = ("true",)) -> None:
    """Loads a module in a guest, and counts its cases: those of `expected` must run.

    The command, which runs there afterwards, must succeed. `kernel` is ARCH-FLAVOUR; the guest's log
    is written to the file `log`.
    """
    arch, flavour = kernel.split("-", 1)
    if os.path.exists(log):
        os.remove(log)
    status, output = vm.run(arch, flavour, "--module", module, "--keep-log", log, "--", *command,
                            timeout=vm.LIMIT[flavour])
    text = ""
    if os.path.exists(log):
        with open(log, encoding="utf-8") as file:
            text = file.read()
    ktap.take(text, expected, counts, f"{kernel} {name}")
    if status:
        print(output)
        counts.take(f"{kernel} {name}", f"scripts/vm ended with {status}", "fail")

# SPDX-License-Identifier: GPL-2.0
"""Runs KUnit cases in a guest, by loading the module that contains them."""

import os

from . import ktap, vm
from .counts import Counts


def load(kernel: str, module: str, expected: dict[str, list[str]], counts: Counts, log: str,
         name: str, command: tuple[str, ...] = ("true",)) -> None:
    """Loads a module in a guest, and counts its cases. Those of `expected` must run.

    Then the guest runs the command, which must succeed. `kernel` is ARCH-FLAVOUR. The guest's log is
    written to the file `log`.
    """
    arch, flavour = kernel.split("-", 1)
    if os.path.exists(log):
        os.remove(log)
    status, output = vm.run(arch, flavour, "--module", module, "--keep-log", log, "--", *command,
                            timeout=vm.limit(flavour))
    text = ""
    if os.path.exists(log):
        with open(log, encoding="utf-8") as file:
            text = file.read()
    ktap.take(text, expected, counts, f"{kernel} {name}")
    if status:
        print(output)
        counts.take(f"{kernel} {name}", f"scripts/vm ended with {status}", "fail")

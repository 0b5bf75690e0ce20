# SPDX-License-Identifier: GPL-2.0
"""Test programs in a guest: their paths, and the command that runs several of them."""

import os
import shutil
from collections.abc import Iterable

HERE = os.path.dirname(os.path.realpath(__file__))
# A directory of the guest, which is in its PATH.
DIRECTORY = "usr/lib/fence_exporter"


def tests_in(directory: str) -> list[str]:
    """Returns the names of the tests among the programs of a directory."""
    return sorted(name for name in os.listdir(directory)
                  if name.startswith("test_") and "." not in name)


def lay_out(root: str, source: str, names: Iterable[str], below: str = "") -> None:
    """Copies programs of a directory to a guest's root, to the directory `below` the usual one."""
    target = os.path.join(root, DIRECTORY, below)
    os.makedirs(target, exist_ok=True)
    for name in names:
        shutil.copy(f"{source}/{name}", target)


def run_each(root: str, names: Iterable[str], limit: int = 0) -> list[str]:
    """Returns the command that runs programs one after the other, each for `limit` seconds at most.

    With 0 there is no limit. The function copies the script to the guest's root.
    tap.take_programs() reads its output.
    """
    shutil.copy(f"{HERE}/run_programs", root)
    return ["sh", "/run_programs", str(limit), *names]

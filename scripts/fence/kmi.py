# SPDX-License-Identifier: GPL-2.0
"""What a GKI kernel exports to modules: the lists and the exceptions of scripts/kernel/kmi."""

import os
import re
from collections.abc import Iterable, Iterator

DATA = os.path.join(os.path.dirname(os.path.dirname(os.path.realpath(__file__))), "kernel", "kmi")
TITLES = {
    "listed": "on the virtual_device list",
    "other": "on another list",
    "new": "new since the lists",
    "unlisted": "on no list",
    "unexplained": "unexplained",
    "helper": "helpers of the kernel's (rust_helper_*)",
    "Rust": "Rust symbols",
}
# A module with a symbol of one of these groups does not load.
REFUSED = ("unexplained", "helper", "Rust")


def words_of(name: str, arch: str, data: str = DATA) -> Iterator[list[str]]:
    """Yields the lines of a file that hold for the architecture, in words."""
    with open(os.path.join(data, name), encoding="utf-8") as file:
        for line in file:
            words = line.split()
            if words and not line.startswith("#") and words[1:2] in ([], ["*"], [arch]):
                yield words


def known_groups(arch: str, data: str = DATA) -> dict[str, str]:
    """Returns the group of each C symbol that the files have."""
    groups = {words[0]: words[2] for words in words_of("exceptions", arch, data)}
    groups.update((words[0], "other") for words in words_of("other_lists", arch, data))
    groups.update((words[0], "listed") for words in words_of("virtual_device", arch, data))
    return groups


def group_of(name: str, known: dict[str, str]) -> str:
    """Returns the group of a symbol."""
    if re.match(r"_R[A-Z]", name):
        return "Rust"
    if name.startswith("rust_helper_"):
        return "helper"
    return known.get(name, "unexplained")


def grouped(symbols: Iterable[str], arch: str, data: str = DATA) -> dict[str, list[str]]:
    """Returns symbols by their groups, in order. Each group is there, if only as an empty list."""
    known = known_groups(arch, data)
    groups: dict[str, list[str]] = {group: [] for group in TITLES}
    for name in sorted(symbols):
        groups[group_of(name, known)].append(name)
    return groups


def idle_exceptions(symbols: Iterable[str], arch: str, data: str = DATA) -> list[str]:
    """Returns the exceptions that a module with these symbols does not need."""
    needed = set(symbols)
    return [words[0] for words in words_of("exceptions", arch, data) if words[0] not in needed]

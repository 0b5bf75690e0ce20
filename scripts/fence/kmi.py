# SPDX-License-Identifier: GPL-2.0
"""The symbols that a GKI kernel exports: the lists and the exceptions of scripts/kernel/kmi."""

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
# A module that imports a symbol of these groups does not load.
REFUSED = ("unexplained", "helper", "Rust")
# A module that imports a symbol of these groups loads only if the kernel's symbol list is extended.
EXCEPTED = ("new", "unlisted")


def words_of(name: str, arch: str, data: str = DATA) -> Iterator[list[str]]:
    """Yields the lines of a file that apply to the architecture, split into words."""
    with open(os.path.join(data, name), encoding="utf-8") as file:
        for line in file:
            words = line.split()
            if words and not line.startswith("#") and words[1:2] in ([], ["*"], [arch]):
                yield words


def known_groups(arch: str, data: str = DATA) -> dict[str, str]:
    """Returns the group of each C symbol in the files."""
    groups = {words[0]: words[2] for words in words_of("exceptions", arch, data)}
    groups.update((words[0], "other") for words in words_of("other_lists", arch, data))
    groups.update((words[0], "listed") for words in words_of("virtual_device", arch, data))
    return groups


def reasons(symbols: Iterable[str], arch: str, data: str = DATA) -> dict[str, str]:
    """Returns the reason of each of these symbols that is an exception, and on no list."""
    known = known_groups(arch, data)
    wanted = {name for name in symbols if known.get(name) in EXCEPTED}
    return {words[0]: " ".join(words[3:]) for words in words_of("exceptions", arch, data)
            if words[0] in wanted}


def group_of(name: str, known: dict[str, str]) -> str:
    """Returns the group of a symbol."""
    if re.match(r"_R[A-Z]", name):
        return "Rust"
    if name.startswith("rust_helper_"):
        return "helper"
    return known.get(name, "unexplained")


def grouped(symbols: Iterable[str], arch: str, data: str = DATA) -> dict[str, list[str]]:
    """Returns symbols by their groups, in order. The list of a group may be empty."""
    known = known_groups(arch, data)
    groups: dict[str, list[str]] = {group: [] for group in TITLES}
    for name in sorted(symbols):
        groups[group_of(name, known)].append(name)
    return groups


def idle_exceptions(symbols: Iterable[str], arch: str, data: str = DATA) -> list[str]:
    """Returns the exceptions that a module with these symbols does not need."""
    needed = set(symbols)
    return [words[0] for words in words_of("exceptions", arch, data) if words[0] not in needed]

# SPDX-License-Identifier: GPL-2.0
"""Reads tests/mutants/mutants.toml: survivors with their reasons, and hand-written mutants."""

import tomllib

from . import source

TABLE = f"{source.TOP}/tests/mutants/mutants.toml"
SURVIVOR = {"file", "function", "rule", "line", "mutant", "reason"}
WRITTEN = {"name", "hazard", "file", "old", "new", "drop", "case", "build", "report", "kernel"}


class Table:
    """The contents of the file."""

    def __init__(self, path=TABLE):
        with open(path, "rb") as file:
            table = tomllib.load(file)
        self.survivors = table.get("survivor", [])
        self.written = table.get("written", [])

    def reason(self, mutant):
        """Returns the reason why a mutant may survive, or None."""
        return next((entry["reason"] for entry in self.survivors if key(entry) == mutant.key), None)

    def complaints(self, mutants):
        """Yields a complaint for each entry that does not match the tree.

        `mutants` are all mutants that the rules make of the tree.
        """
        there = {mutant.key for mutant in mutants}
        for entry in self.survivors:
            name = f"{entry.get('file')}: {entry.get('line')}"
            if set(entry) != SURVIVOR or not entry["reason"].strip():
                yield f"{name}: must have {', '.join(sorted(SURVIVOR))}"
            elif key(entry) not in there:
                yield f"{name}: there is no such mutant any more"
        for entry in self.written:
            if unknown := set(entry) - WRITTEN:
                yield f"{entry.get('name')}: does not know {', '.join(unknown)}"
            try:
                without(entry)
            except ValueError as error:
                yield f"{entry['name']}: {error}"


def key(entry):
    """Returns the values that identify the mutant of an entry: see rules.Mutant.key."""
    return tuple(entry.get(word) for word in ("file", "function", "rule", "line", "mutant"))


def without(entry):
    """Returns the path of a hand-written mutant's file, and the text of the file with the change."""
    path = f"rust/kernel/{entry['file']}"
    text = source.read(path)
    for old, new in ((entry["old"], entry["new"]), (entry.get("drop"), "")):
        if old is None:
            continue
        if text.count(old) != 1:
            raise ValueError(f"is there {text.count(old)} times: {old!r}")
        text = text.replace(old, new)
    return path, text


def as_entry(mutant):
    """Returns a survivor as an entry for the table, without a reason."""
    def quote(text):
        return f"'{text}'" if "'" not in text else '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    values = zip(("file", "function", "rule", "line", "mutant"), mutant.key, strict=True)
    return "\n".join(["[[survivor]]", *(f"{name} = {quote(value)}" for name, value in values),
                      'reason = """\n"""'])

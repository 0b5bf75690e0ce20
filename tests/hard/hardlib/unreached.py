# SPDX-License-Identifier: GPL-2.0
"""Compares the code that the fuzzer has not reached with the explanations of tests/fuzz/unreached."""

import collections
import glob
import os
import re

from .cover import TOP

REASONS = f"{TOP}/tests/fuzz/unreached"
# Instances of the library's and the compiler's own functions. They are not counted, but the functions
# into which they are inlined are.
GLUE = re.compile(r"^(<|&|\*|mut |\[)*(core|alloc|kernel|pin_init|zerocopy|bool)\b|^asan\.|^__do_trace_")

class Reasons:
    """The reasons why code is not reached. The head of tests/fuzz/unreached describes the syntax."""

    def __init__(self, path=REASONS):
        # Tuples of a reason, the pattern of a function, and source text or "*".
        self.entries = []
        reason = None
        with open(path, encoding="utf-8") as file:
            for line in file.read().splitlines():
                if line.startswith("["):
                    reason = line.strip("[]")
                elif line.strip() and not line.startswith("#"):
                    pattern, _, text = line.partition("\t")
                    self.entries.append((reason, re.compile(pattern), text.strip() or "*"))

    def of(self, frames):
        """Returns the reason for a branch in any of these functions, each with its source text, or None."""
        for reason, pattern, text in self.entries:
            if any(text in ("*", source) and pattern.search(name) for name, source in frames):
                return reason
        return None

    def stale(self):
        """Returns the entries whose source text does not exist any more."""
        lines: set[str] = set()
        for top in ("drivers", "rust"):
            for path in glob.glob(f"{TOP}/{top}/**/*.rs", recursive=True):
                with open(path, encoding="utf-8") as file:
                    lines.update(line.strip() for line in file)
        return [f"{pattern.pattern}\t{text}" for _, pattern, text in self.entries
                if text not in ("*", "-") and text not in lines]


class Report:
    """The code of a module that was reached, and the reasons for the rest."""

    def __init__(self, module, reached, reasons):
        self.module = module
        self.sources = {}
        self.fuzzed = module.reached_by(reached)
        self.assertions = {at for at in module.branches if module.is_panic(at)}
        self.branches = {at: self.frames(at) for at in module.branches}
        self.copied = {self.place(at) for at in self.fuzzed}
        # The reason for each branch that the fuzzer has not reached.
        self.why = {at: self.reason(at, reasons) for at in self.branches
                    if at not in self.fuzzed and at not in self.assertions}
        self.stale = reasons.stale()

    def reason(self, at, reasons):
        """Returns the reason why the fuzzer has not reached a branch, or None if it is not explained."""
        if self.place(at) in self.copied:
            return "inlined, unrolled or for another type: reached in another copy of the code"
        return reasons.of(self.branches[at])

    def ours(self, at):
        """Returns the innermost of our functions that contains a branch, and its place.

        If none of our functions does, returns the function that contains the branch, and "".
        """
        return next(((name, place) for name, place in self.module.frames(at) if place),
                    (self.module.function_of(at), ""))

    def place(self, at):
        """Returns the line of a branch, and the line of our code into which it is inlined."""
        name, place = self.ours(at)
        return self.module.places[at][0][1], place or name

    def frames(self, at):
        """Returns the functions that contain a branch, innermost first, with the source text of ours."""
        return [(name, self.source(place)) for name, place in self.module.frames(at)]

    def source(self, place):
        """Returns the text of a line of ours, "-" if its number is unknown, or "*" for other code."""
        path, _, line = place.rpartition(":")
        if not path or line == "0":
            return "-" if path else "*"
        if path not in self.sources:
            with open(os.path.join(TOP, path), encoding="utf-8") as file:
                self.sources[path] = file.read().splitlines()
        lines = self.sources[path]
        number = int(line) - 1
        return lines[number].strip() if 0 <= number < len(lines) else ""

    def summary(self):
        """Returns the figures, as one line."""
        functions = {self.module.function_of(at) for at in self.branches}
        reached = {self.module.function_of(at) for at in self.fuzzed}
        normal = self.branches.keys() - self.assertions
        return f"{len(reached)} of {len(functions)} functions, " \
            f"{len(self.fuzzed & normal)} of {len(normal)} branches, " \
            f"{sum(why is None for why in self.why.values())} unexplained, " \
            f"besides {len(self.assertions)} of assertions"

    def unexplained(self):
        """Returns the branches without an explanation.

        These depend on what the compiler inlines, so a change of other code may add some.
        """
        return sorted({self.describe(at) for at, why in self.why.items() if why is None})

    def failures(self):
        """Yields the functions without an explanation, and the explanations of code that is gone."""
        reached = {self.module.function_of(at) for at in self.fuzzed}
        for name in sorted({self.module.function_of(at) for at, why in self.why.items()
                            if why is None} - reached):
            yield f"never reached, and not in {os.path.relpath(REASONS, TOP)}: {name}"
        for entry in self.stale:
            yield f"{os.path.relpath(REASONS, TOP)} has a line that is not there: {entry}"

    def describe(self, at):
        """Returns a branch as an entry of tests/fuzz/unreached, with its place."""
        name, place = self.ours(at)
        innermost = self.module.places[at][0]
        inlined = "" if innermost[0] == name else \
            f", in {innermost[0]} ({os.path.basename(innermost[1])})"
        return f"{name}\t{self.source(place)}  ({place}{inlined})"

    def write(self, path):
        """Writes the report to a file."""
        by_function = collections.Counter(map(self.module.function_of, self.branches))
        reached = collections.Counter(map(self.module.function_of, self.fuzzed))
        by_reason = collections.defaultdict(list)
        for at, why in self.why.items():
            by_reason[why or "UNEXPLAINED"].append(self.describe(at))
        with open(path, "w", encoding="utf-8") as file:
            file.write(self.summary() + "\n\nBranches that the fuzzer has reached:\n")
            for name, count in sorted(by_function.items()):
                file.write(f"{reached[name]:4} of {count:4}  {name}\n")
            file.write("\nBranches that it has not reached, by the reason:\n")
            for reason, branches in sorted(by_reason.items()):
                file.write(f"\n{len(branches)}: {reason}\n")
                for branch, count in sorted(collections.Counter(branches).items()):
                    file.write(f"  {count} x  {branch}\n")

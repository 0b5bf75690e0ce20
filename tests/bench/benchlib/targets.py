# SPDX-License-Identifier: GPL-2.0
"""Compares the results with tests/bench/targets.toml: the targets to reach, and the bounds."""

import dataclasses
import math
import os
import tomllib

FILE = os.path.join(os.path.dirname(os.path.realpath(__file__)), "../targets.toml")


@dataclasses.dataclass
class Verdict:
    """Whether a target is met."""
    what: str
    node: str
    target: float
    value: float | None
    # The format of the value and the target.
    form: str = "{:.2f}"

    @property
    def met(self):
        """Returns whether the target is met, or None if it was not measured."""
        return None if self.value is None else self.value <= self.target

    def text(self):
        """Returns the value and the target as text."""
        value = "not measured" if self.value is None else self.form.format(self.value)
        return f"{value} (at most {self.form.format(self.target)})"


class Targets:
    """All targets of a file."""

    def __init__(self, path=FILE):
        with open(path, "rb") as file:
            self.all = tomllib.load(file)

    def in_cgroup(self):
        """Returns the rows that are also measured in a child memory cgroup."""
        return list(dict.fromkeys(each["row"] for each in self.all["ratio"]))

    def bounded(self):
        """Returns the rows of the short run."""
        return list(dict.fromkeys(each["row"] for each in self.all["ratio"] if "bound" in each))

    def counted(self):
        """Returns the rows that run with the plugin."""
        return self.all["count"]["rows"]

    def judge(self, results):
        """Returns a verdict for each target."""
        return [*self.ratios(results), *self.ratios(results, "cgroup"), *self.growth(results),
                *self.doublings(results), *self.irqs_off(results), *self.amounts(results)]

    def ratios(self, results, group=""):
        """Yields verdicts on costs as fractions of those of sw_sync."""
        where = ", in a child memory cgroup" if group else ""
        for each in self.all["ratio"]:
            for node in each["nodes"]:
                yield Verdict(results.titles.get(each["row"], each["row"]) + where, node,
                              each["target"], results.ratio(each["row"], node, group))

    def growth(self, results):
        """Yields verdicts on costs with many pending fences, as fractions of those with few."""
        for each in self.all["growth"]:
            for node in each["nodes"]:
                few = results.cost(each["few"], node)
                many = results.cost(each["many"], node)
                yield Verdict(f"{results.titles.get(each['many'], each['many'])}, next to 10 pending",
                              node, each["target"], many / few if few and many else None)

    def doublings(self, results):
        """Yields verdicts on what each doubling of the number of pending fences adds."""
        for each in self.all["doubling"]:
            for node in each["nodes"]:
                few = results.cost(each["few"], node)
                many = results.cost(each["many"], node)
                doublings = math.log2(each["many_pending"] / each["few_pending"])
                yield Verdict(f"{results.titles.get(each['many'], each['many'])}, "
                              "instructions more per doubling", node, each["target"],
                              (many - few) / doublings if few and many else None, "{:.0f}")

    def irqs_off(self, results):
        """Yields verdicts on the longest stretch with interrupts off, as a fraction of that of sw_sync."""
        for each in self.all["irqs_off"]:
            for node in each["nodes"]:
                ours = results.counts.get((each["row"], node))
                theirs = results.counts.get((each["row"], "sw_sync"))
                yield Verdict("interrupts off: " + results.titles.get(each["row"], each["row"]),
                              node, each["target"],
                              ours.irqs_off / theirs.irqs_off if ours and theirs else None, "{:.4f}")

    def amounts(self, results):
        """Yields verdicts on plain figures."""
        for each in self.all["amount"]:
            for node, target in each["target"].items():
                yield Verdict(results.titles.get(each["row"], each["row"]), node, target,
                              results.cost(each["row"], node), each.get("form", "{:.0f}"))

    def worse_than_bound(self, results):
        """Returns a line for each ratio that is worse than its bound."""
        lines = []
        for each in self.all["ratio"]:
            for node, bound in each.get("bound", {}).items():
                ratio = results.ratio(each["row"], node)
                if ratio is None or ratio > bound:
                    lines.append(f"{results.titles.get(each['row'], each['row'])}, {node}: ratio "
                                 f"{'not measured' if ratio is None else f'{ratio:.3f}'}, "
                                 f"bound {bound}")
        return lines

# SPDX-License-Identifier: GPL-2.0
"""The figures: the measurements that the guest printed, over all boots."""

import dataclasses
import statistics

from . import profile

# The node with which the others are compared.
BASE = "sw_sync"
# Other conditions under which some rows are measured.
GROUPS = {
    "cgroup": "in a child memory cgroup",
    "synchronize_rcu": "if close waited for a grace period",
}
# The node of the figures that measure the kernel alone.
KERNEL = "kernel"


@dataclasses.dataclass
class Measurement:
    """A line of the benchmark's output."""
    row: str
    node: str
    operations: int
    total: int
    title: str


def parse(text):
    """Returns the measurements in the benchmark's output, in their order."""
    titles, found = {}, []
    for line in text.splitlines():
        match line.split("\t"):
            case ["#", row, title]:
                titles[row] = title
            case [row, node, operations, total]:
                found.append(Measurement(row, node, int(operations), int(total), titles[row]))
    return found


@dataclasses.dataclass
class Figure:
    """One cell of the table: a row, for a node."""
    operations: int
    # The cost of one operation, for each boot.
    values: list

    @property
    def median(self):
        """Returns the median of the boots."""
        return statistics.median(self.values)

    @property
    def spread(self):
        """Returns the range of the boots' values, as a fraction of their median."""
        return (max(self.values) - min(self.values)) / self.median if self.median else 0


def spread(of_row):
    """Returns the largest spread of some figures as text, or "" if there was only one boot."""
    if min(len(figure.values) for figure in of_row) < 2:
        return ""
    return f"{max(figure.spread for figure in of_row):.2%}"


@dataclasses.dataclass
class Counts:
    """The plugin's counts for one operation."""
    instructions: float
    atomics: float
    # The longest stretch with interrupts off, and the functions where it began and ended.
    irqs_off: int
    irqs_off_from: str
    irqs_off_to: str
    # The instructions of each function.
    functions: dict


class Results:
    """All figures of one architecture."""

    def __init__(self, arch, about):
        self.arch = arch
        self.about = about
        self.titles = {}
        # The figure of each group ("" or one of GROUPS), row and node.
        self.figures = {}
        # The counts of each row and node.
        self.counts = {}

    def as_dict(self):
        """Returns the results in a form for JSON."""
        return {
            "arch": self.arch, **self.about,
            "figures": [
                {"row": row, "title": self.titles[row], "node": node, "group": group,
                 "operations": figure.operations, "values": figure.values,
                 "median": figure.median, "spread": figure.spread,
                 "ratio": self.ratio(row, node, group)}
                for (group, row, node), figure in self.figures.items()],
            "counts": [
                {"row": row, "title": self.titles[row], "node": node,
                 **dataclasses.asdict(counted)}
                for (row, node), counted in self.counts.items()],
        }

    @classmethod
    def from_dict(cls, data):
        """Returns the results from the form that as_dict() returns."""
        results = cls(data["arch"], {key: value for key, value in data.items()
                                     if isinstance(value, str) and key != "arch"})
        for each in data["figures"]:
            results.titles[each["row"]] = each["title"]
            results.figures[each["group"], each["row"], each["node"]] = \
                Figure(each["operations"], each["values"])
        for each in data["counts"]:
            results.titles.setdefault(each["row"], each["title"])
            results.counts[each["row"], each["node"]] = Counts(
                **{field.name: each[field.name] for field in dataclasses.fields(Counts)})
        return results

    def take(self, measurements, group=""):
        """Adds the measurements of a boot."""
        for each in measurements:
            self.titles[each.row] = each.title
            figure = self.figures.setdefault((group, each.row, each.node),
                                             Figure(each.operations, []))
            figure.values.append(each.total / each.operations)

    def take_counts(self, measurements, regions):
        """Adds what the plugin counted."""
        for each, region in zip(measurements, regions, strict=True):
            longest = max(region.stretches, key=lambda stretch: stretch.longest)
            self.titles.setdefault(each.row, each.title)
            self.counts[each.row, each.node] = Counts(
                (region.user + region.kernel) / each.operations,
                region.atomics() / each.operations,
                longest.longest, longest.begin, longest.end,
                profile.share(region, each.operations))

    def cost(self, row, node, group=""):
        """Returns the median cost, or None."""
        figure = self.figures.get((group, row, node))
        return figure.median if figure else None

    def ratio(self, row, node, group=""):
        """Returns the ratio of a cost to that of the kernel's sw_sync, or None."""
        cost, base = self.cost(row, node, group), self.cost(row, BASE, group)
        return cost / base if cost is not None and base else None

    def quick(self):
        """Returns the rows that don't take long."""
        return [row for row in self.rows() if not row.endswith(("_100000", "_bytes"))]

    def rows(self, group=""):
        """Returns the rows that have a figure, each with its nodes."""
        rows: dict[str, list[str]] = {}
        for of_group, row, node in self.figures:
            if of_group == group:
                rows.setdefault(row, []).append(node)
        return rows

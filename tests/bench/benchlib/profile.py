# SPDX-License-Identifier: GPL-2.0
"""Reads the counts that the plugin wrote, and assigns them to the kernel's functions."""

import bisect
import collections
import dataclasses
import re
import subprocess

DEMANGLE = "llvm-cxxfilt-22"
# The parts that the compiler adds to a name: the hash of a crate, the suffix of a clone.
NOISE = re.compile(r"(\[[0-9a-f]{8,}\])|(\.llvm\.\d+)|(\.cold|\.isra\.\d+|\.constprop\.\d+)")


class Symbols:
    """The names of the kernel's and the module's functions by address."""

    def __init__(self, *texts):
        """Each text has the format of System.map and /proc/kallsyms."""
        found: dict[int, str] = {}
        for text in texts:
            for line in text.splitlines():
                address, kind, name, *_ = line.split()
                if kind in "tTwW" and not name.startswith(("__cfi_", "__pfx_", "$")):
                    found.setdefault(int(address, 16), name)
        self.addresses = sorted(found)
        self.names = demangled([found[address] for address in self.addresses])

    def function(self, address):
        """Returns the index of the function that contains the address, or None."""
        place = bisect.bisect_right(self.addresses, address) - 1
        return place if place >= 0 else None

    def name(self, address):
        """Returns the name of the function that contains the address."""
        place = self.function(address)
        return "?" if place is None else self.names[place]


def demangled(names):
    """Returns the names as they are written in the sources."""
    out = subprocess.run([DEMANGLE], input="\n".join(names), capture_output=True, text=True,
                         check=True).stdout
    return [NOISE.sub("", name) for name in out.split("\n")][:len(names)]


@dataclasses.dataclass
class Function:
    """The counts of a function, without the functions that it calls."""
    instructions: int = 0
    calls: int = 0
    atomics: int = 0


@dataclasses.dataclass
class Stretch:
    """The longest stretch with interrupts off among those that began at one place."""
    begin: str
    end: str
    longest: int
    times: int


@dataclasses.dataclass
class Region:
    """The code that ran for one measurement."""
    user: int
    kernel: int
    functions: dict
    stretches: list

    def atomics(self):
        """Returns the number of all atomic operations."""
        return sum(function.atomics for function in self.functions.values())


def read(path, symbols):
    """Returns the regions in the plugin's output, in their order."""
    regions = []
    with open(path, encoding="ascii") as file:
        for line in file:
            match line.split():
                case ["region", user, kernel]:
                    regions.append(Region(int(user), int(kernel),
                                          collections.defaultdict(Function), []))
                case ["at", address, count, *atomic]:
                    take(regions[-1], symbols, int(address, 16), int(count), bool(atomic))
                case ["off", begin, end, longest, times]:
                    regions[-1].stretches.append(
                        Stretch(symbols.name(int(begin, 16)), symbols.name(int(end, 16)),
                                int(longest), int(times)))
    return regions


def take(region, symbols, address, count, atomic):
    """Adds the count of an instruction to that of its function."""
    place = symbols.function(address)
    name = "?" if place is None else symbols.names[place]
    function = region.functions[name]
    function.instructions += count
    function.atomics += count if atomic else 0
    if place is not None and symbols.addresses[place] == address:
        function.calls += count


def share(region, operations, least=0.005):
    """Returns the instructions of an operation by function. Functions with a small share are one entry."""
    whole = region.user + region.kernel
    found = {"(user space)": region.user / operations}
    rest = 0
    for name, function in region.functions.items():
        if function.instructions < least * whole:
            rest += function.instructions
        else:
            found[name] = function.instructions / operations
    return {**found, "(the rest)": rest / operations}


def beside(shares):
    """Returns names with their values in each of several shares, the largest first.

    A value is None if the function is part of the rest there.
    """
    names = {name for each in shares for name in each}
    rows = [(name, [each.get(name) for each in shares]) for name in names]
    return sorted(rows, key=lambda row: (row[0] == "(the rest)",
                                         -max(value or 0 for value in row[1]), row[0]))


def table(nodes, regions):
    """Returns lines that show which functions an operation's instructions are in, for each node.

    `regions` has pairs of the number of operations and the region.
    """
    def cells(values):
        return "".join(f"{'-' if value is None else f'{value:.1f}':>10}" for value in values)

    per_operation = [(region.user + region.kernel) / operations for operations, region in regions]
    return ["".join(f"{node:>10}" for node in nodes),
            cells(per_operation) + "  all",
            cells(region.atomics() / operations for operations, region in regions)
            + "  atomic operations",
            *(f"{cells(values)}  {name}" for name, values in
              beside([share(region, operations) for operations, region in regions]))]

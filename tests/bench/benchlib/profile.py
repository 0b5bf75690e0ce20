# SPDX-License-Identifier: GPL-2.0
"""What the counting plugin wrote, told by the kernel's functions."""

import bisect
import collections
import dataclasses
import re
import subprocess

DEMANGLE = "llvm-cxxfilt-22"
# What the compiler adds to a name: the hash of a crate, a disambiguated clone.
NOISE = re.compile(r"(\[[0-9a-f]{8,}\])|(\.llvm\.\d+)|(\.cold|\.isra\.\d+|\.constprop\.\d+)")


class Symbols:
    """Names of the kernel's functions by address, those of the module with them."""

    def __init__(self, *texts):
        """Each text has lines as System.map and /proc/kallsyms have them."""
        found: dict[int, str] = {}
        for text in texts:
            for line in text.splitlines():
                address, kind, name, *_ = line.split()
                if kind in "tTwW" and not name.startswith(("__cfi_", "__pfx_", "$")):
                    found.setdefault(int(address, 16), name)
        self.addresses = sorted(found)
        self.names = demangled([found[address] for address in self.addresses])

    def function(self, address):
        """The number of the function that has the address, or None."""
        place = bisect.bisect_right(self.addresses, address) - 1
        return place if place >= 0 else None

    def name(self, address):
        """Its name."""
        place = self.function(address)
        return "?" if place is None else self.names[place]


def demangled(names):
    """The names as people write them."""
    out = subprocess.run([DEMANGLE], input="\n".join(names), capture_output=True, text=True,
                         check=True).stdout
    return [NOISE.sub("", name) for name in out.split("\n")][:len(names)]


@dataclasses.dataclass
class Function:
    """What a function came to, without those that it calls."""
    instructions: int = 0
    calls: int = 0
    atomics: int = 0


@dataclasses.dataclass
class Stretch:
    """The longest time with interrupts off of those that began at one place."""
    begin: str
    end: str
    longest: int
    times: int


@dataclasses.dataclass
class Region:
    """What ran for one measurement."""
    user: int
    kernel: int
    functions: dict
    stretches: list

    def atomics(self):
        """Atomic operations, all together."""
        return sum(function.atomics for function in self.functions.values())


def read(path, symbols):
    """The regions of a plugin's output, in their order."""
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
    """Adds an instruction's count to its function's."""
    place = symbols.function(address)
    name = "?" if place is None else symbols.names[place]
    function = region.functions[name]
    function.instructions += count
    function.atomics += count if atomic else 0
    if place is not None and symbols.addresses[place] == address:
        function.calls += count


def share(region, operations, least=0.005):
    """What functions took of an operation, the rest as one: by name."""
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
    """Names and what each of several took, most first; None where it is in the rest."""
    names = {name for each in shares for name in each}
    rows = [(name, [each.get(name) for each in shares]) for name in names]
    return sorted(rows, key=lambda row: (row[0] == "(the rest)",
                                         -max(value or 0 for value in row[1]), row[0]))


def table(nodes, regions):
    """Lines that tell where the instructions of an operation went, for each node.

    `regions` has the number of operations with each.
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

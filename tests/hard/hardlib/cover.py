# SPDX-License-Identifier: GPL-2.0
"""The functions and branches of the module, built for coverage.

A branch is a place where the compiler has put a call of __sanitizer_cov_trace_pc:
the beginning of a function, and each way out of a condition. KCOV tells the
address behind such a call.
"""

import bisect
import os
import re
import subprocess
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__)))))
TRACE = "__sanitizer_cov_trace_pc"
# Where the module is linked to, for those who look up lines.
BASE = 0x1000000
# Branches that lead to a panic only: assertions of the compiler and the library.
PANIC = re.compile(r"panic|precondition_check|unwrap_failed|assert_failed|expect_failed")
# Instructions that lead elsewhere, of either architecture: always, and depending on something.
JUMPS = re.compile(r"jmp|b")
BRANCHES = re.compile(r"j\w+|ret\w*|ud2|b\.\w+|cbn?z|tbn?z|br|brk")
CALLS = re.compile(r"call\w*|blr?")
# A line of a disassembly: an instruction, or the symbol that the one above refers to.
INSTRUCTION = re.compile(r"^ *([0-9a-f]+):\s+([a-z]\S*)\s*(.*)")
RELOCATION = re.compile(r"^\s+[0-9a-f]+:\s+R_\S+\s+(\S+)")
# What a call or a jump leads to, if that is the beginning of a function.
TARGET = re.compile(r"<([^+>]+)>")
DESTINATION = re.compile(r"\b0x([0-9a-f]+) <")
# So many instructions belong to a call of a panic.
PANIC_LENGTH = 20


def tool(*command, stdin=None):
    """What one of LLVM's tools prints."""
    return subprocess.run([f"{command[0]}-22", *command[1:]], input=stdin, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          check=True).stdout


def demangle(name):
    """A symbol as it is written in Rust."""
    return tool("llvm-cxxfilt", stdin=name).strip()


def referred(line):
    """The symbol that an instruction refers to."""
    _, _, operands, relocation = line
    target = TARGET.search(operands)
    return re.sub(r"[-+]0x[0-9a-f]+$", "", relocation or (target[1] if target else ""))


def leads_to_panic(lines, index, number):
    """Whether what begins at a line of the disassembly ends in a panic, whatever happens."""
    for _ in range(PANIC_LENGTH):
        _, instruction, operands, _ = line = lines[number]
        symbol = referred(line)
        if PANIC.search(symbol):
            return True
        if symbol == TRACE:
            return False
        if BRANCHES.fullmatch(instruction) and not JUMPS.fullmatch(instruction):
            return False
        number += 1
        if JUMPS.fullmatch(instruction):
            destination = DESTINATION.search(operands)
            number = index.get(int(destination[1], 16)) if destination else None
        if number is None or number >= len(lines):
            return False
    return False


class Module:
    """The instrumented module's functions and branches."""

    def __init__(self, path):
        self.path = path
        self.functions = self.read_functions()
        # Where a block of code can begin that ends with a branch whose call is a jump.
        self.before_jumps = {}
        self.branches, self.assertions, called = self.read_branches()
        called |= self.read_addresses_taken()
        # What is inlined everywhere has a copy left that nothing calls.
        dead = {name for _, name, symbol in self.functions if symbol not in called}
        self.branches = [at for at in self.branches if self.function_of(at) not in dead]
        self.places = dict(zip(self.branches, self.symbolize(), strict=True))

    def read_functions(self):
        """Address, name and symbol of each function, in order."""
        text = re.search(r"\[ *(\d+)\] \.text ", tool("llvm-readelf", "-SW", self.path))
        assert text, f"{self.path} has no .text"
        pattern = re.compile(rf"^ *\d+: ([0-9a-f]+) +\d+ FUNC +\S+ +\S+ +{text[1]} (.*)$", re.M)
        found = pattern.findall(tool("llvm-readelf", "-sW", self.path))
        names = demangle("\n".join(symbol for _, symbol in found)).splitlines()
        return sorted((int(at, 16), name, symbol)
                      for (at, symbol), name in zip(found, names, strict=True))

    def disassembly(self):
        """Address, instruction, operands and relocation (or None) of each line of .text."""
        held = None
        for line in tool("llvm-objdump", "-dr", "--no-show-raw-insn", "-j", ".text",
                         self.path).splitlines():
            if relocation := RELOCATION.match(line):
                if held:
                    yield *held, relocation[1]
                held = None
            elif instruction := INSTRUCTION.match(line):
                if held:
                    yield *held, None
                held = int(instruction[1], 16), instruction[2], instruction[3]
        if held:
            yield *held, None

    def read_branches(self):
        """The branches, which of them only lead to a panic, and the symbols of what is called."""
        lines = list(self.disassembly())
        index = {line[0]: number for number, line in enumerate(lines)}
        branches, assertions, called = [], set(), set()
        block = 0
        for number, line in enumerate(lines[:-1]):
            symbol = referred(line)
            if symbol == TRACE:
                branch = lines[number + 1][0]
                branches.append(branch)
                if JUMPS.fullmatch(line[1]):
                    self.before_jumps[branch] = {at for at, *_ in lines[block:number + 1]}
                elif leads_to_panic(lines, index, number + 1):
                    assertions.add(branch)
            # A function that only calls itself is not called.
            elif symbol != self.entry_of(line[0] + 1)[2]:
                called.add(symbol)
            if any(kind.fullmatch(line[1]) for kind in (JUMPS, BRANCHES, CALLS)):
                block = number + 1
        return branches, assertions, called

    def read_addresses_taken(self):
        """The symbols of the functions whose address is in some table, or taken by code."""
        taken = set()
        starts = {at: symbol for at, _, symbol in self.functions}
        for part in tool("llvm-readelf", "-rW", self.path).split("Relocation section ")[1:]:
            if part.startswith("'.rela.debug"):
                continue
            for line in part.splitlines():
                words = line.split()
                if len(words) == 7 and words[4] == ".text":
                    addend = int(words[5] + words[6], 16)
                    # Relative to the instruction that is behind the four bytes.
                    taken.add(starts.get(addend + 4 * (words[2] == "R_X86_64_PC32")))
                elif len(words) == 7 and not part.startswith("'.rela.text'"):
                    taken.add(words[4])
        return taken

    def reached_by(self, blocks):
        """The branches that were reached, by where the blocks of code begin that have run.

        Behind a call begins a block, if it returns. From a jump, which is how a function ends with
        a call, nothing returns there.
        """
        return {at for at in self.branches
                if not blocks.isdisjoint(self.before_jumps.get(at, {at}))}

    def symbolize(self):
        """For each branch the functions that are inlined there and their lines, innermost first."""
        addresses = "\n".join(hex(BASE + at - 1) for at in self.branches)
        with tempfile.TemporaryDirectory() as scratch:
            # The debug information of a module refers to itself by relocations.
            tool("ld.lld", "--noinhibit-exec", "--unresolved-symbols=ignore-all", "-e", "0",
                 f"-Ttext={BASE:#x}", "-o", f"{scratch}/module", self.path)
            output = tool("llvm-symbolizer", f"--obj={scratch}/module", "--inlines", "--demangle",
                          stdin=addresses)
        for block in output.strip().split("\n\n"):
            lines = block.splitlines()
            yield list(zip(lines[::2], lines[1::2], strict=True))

    def entry_of(self, at):
        """The entry of the function that an address is in."""
        index = bisect.bisect([start for start, _, _ in self.functions], at - 1) - 1
        return self.functions[index] if index >= 0 else (0, "?", "?")

    def function_of(self, at):
        """The name of the function that an address is in."""
        return self.entry_of(at)[1]

    def symbol_of(self, at):
        """The symbol of the function that an address is in."""
        return self.entry_of(at)[2]

    def is_panic(self, at):
        """Whether a branch belongs to an assertion, which has two: one is never taken."""
        return at in self.assertions or any(PANIC.search(name) for name, _ in self.places[at])

    def frames(self, at):
        """Pairs of function and FILE:LINE that a branch is in, innermost first.

        The place is "" where the code is not this project's.
        """
        return [(name, self.place_of(line)) for name, line in self.places[at]]

    @staticmethod
    def place_of(line):
        """FILE:LINE of this project, of what the symbolizer says; or ""."""
        ours = line.startswith((TOP, "./"))
        return os.path.relpath(re.sub(r":\d+$", "", line), TOP) if ours else ""

# SPDX-License-Identifier: GPL-2.0
"""The functions and branches of a module that is built for coverage.

A branch is a place where the compiler has inserted a call of __sanitizer_cov_trace_pc:
the beginning of a function, and each outcome of a condition. KCOV reports the
address after such a call.
"""

import bisect
import os
import re
import subprocess
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__)))))
TRACE = "__sanitizer_cov_trace_pc"
# The address to which the module is linked, for tools that look up lines.
BASE = 0x1000000
# Functions of branches that only lead to a panic: assertions of the compiler and the library.
PANIC = re.compile(r"panic|precondition_check|unwrap_failed|assert_failed|expect_failed")
# Instructions of both architectures that continue elsewhere: jumps that are always taken, and branches
# that depend on a condition.
JUMPS = re.compile(r"jmp|b")
BRANCHES = re.compile(r"j\w+|ret\w*|ud2|b\.\w+|cbn?z|tbn?z|br|brk")
CALLS = re.compile(r"call\w*|blr?")
# A line of a disassembly: an instruction, or the symbol to which the instruction above refers.
INSTRUCTION = re.compile(r"^ *([0-9a-f]+):\s+([a-z]\S*)\s*(.*)")
RELOCATION = re.compile(r"^\s+[0-9a-f]+:\s+R_\S+\s+(\S+)")
# The target of a call or a jump: the name of the function that begins there, or the address.
TARGET = re.compile(r"<([^+>]+)>")
DESTINATION = re.compile(r"\b0x([0-9a-f]+) <")
# The most instructions that a path to a panic has.
PANIC_LENGTH = 20


def tool(*command, stdin=None):
    """Returns the output of one of LLVM's tools."""
    return subprocess.run([f"{command[0]}-22", *command[1:]], input=stdin, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          check=True).stdout


def demangle(name):
    """Returns the name of a symbol as it is written in Rust."""
    return tool("llvm-cxxfilt", stdin=name).strip()


def referred(line):
    """Returns the symbol to which an instruction refers."""
    _, _, operands, relocation = line
    target = TARGET.search(operands)
    return re.sub(r"[-+]0x[0-9a-f]+$", "", relocation or (target[1] if target else ""))


def leads_to_panic(lines, index, number):
    """Returns whether the code from a line of the disassembly on always ends in a panic."""
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
        # By branch whose call is a jump: the addresses at which the block with this jump can begin.
        self.before_jumps = {}
        self.branches, self.assertions, called = self.read_branches()
        called |= self.read_addresses_taken()
        # If a function is inlined everywhere, a copy of it remains that no code calls.
        dead = {name for _, name, symbol in self.functions if symbol not in called}
        self.branches = [at for at in self.branches if self.function_of(at) not in dead]
        self.places = dict(zip(self.branches, self.symbolize(), strict=True))

    def read_functions(self):
        """Returns the address, name and symbol of each function, in order."""
        text = re.search(r"\[ *(\d+)\] \.text ", tool("llvm-readelf", "-SW", self.path))
        assert text, f"{self.path} has no .text"
        pattern = re.compile(rf"^ *\d+: ([0-9a-f]+) +\d+ FUNC +\S+ +\S+ +{text[1]} (.*)$", re.M)
        found = pattern.findall(tool("llvm-readelf", "-sW", self.path))
        names = demangle("\n".join(symbol for _, symbol in found)).splitlines()
        return sorted((int(at, 16), name, symbol)
                      for (at, symbol), name in zip(found, names, strict=True))

    def disassembly(self):
        """Yields the address, instruction, operands and relocation (or None) of each line of .text."""
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
        """Returns the branches, those that only lead to a panic, and the symbols that are called."""
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
            # A function that only itself calls does not count as called.
            elif symbol != self.entry_of(line[0] + 1)[2]:
                called.add(symbol)
            if any(kind.fullmatch(line[1]) for kind in (JUMPS, BRANCHES, CALLS)):
                block = number + 1
        return branches, assertions, called

    def read_addresses_taken(self):
        """Returns the symbols of the functions whose address is in a table, or is taken by code."""
        taken = set()
        starts = {at: symbol for at, _, symbol in self.functions}
        for part in tool("llvm-readelf", "-rW", self.path).split("Relocation section ")[1:]:
            if part.startswith("'.rela.debug"):
                continue
            for line in part.splitlines():
                words = line.split()
                if len(words) == 7 and words[4] == ".text":
                    addend = int(words[5] + words[6], 16)
                    # A PC32 relocation is relative to the instruction after its four bytes.
                    taken.add(starts.get(addend + 4 * (words[2] == "R_X86_64_PC32")))
                elif len(words) == 7 and not part.startswith("'.rela.text'"):
                    taken.add(words[4])
        return taken

    def reached_by(self, blocks):
        """Returns the branches that were reached. `blocks` are the beginnings of the blocks that ran.

        After a call that returns, a new block begins, at the address of the branch. If a function
        ends with a call, the compiler makes this call a jump, and no block begins after it. Then
        the branch was reached if the block before the jump ran.
        """
        return {at for at in self.branches
                if not blocks.isdisjoint(self.before_jumps.get(at, {at}))}

    def symbolize(self):
        """Returns for each branch the functions that are inlined there and their lines, innermost first."""
        addresses = "\n".join(hex(BASE + at - 1) for at in self.branches)
        with tempfile.TemporaryDirectory() as scratch:
            # Linking applies the relocations by which a module's debug information refers to itself.
            tool("ld.lld", "--noinhibit-exec", "--unresolved-symbols=ignore-all", "-e", "0",
                 f"-Ttext={BASE:#x}", "-o", f"{scratch}/module", self.path)
            output = tool("llvm-symbolizer", f"--obj={scratch}/module", "--inlines", "--demangle",
                          stdin=addresses)
        for block in output.strip().split("\n\n"):
            lines = block.splitlines()
            yield list(zip(lines[::2], lines[1::2], strict=True))

    def entry_of(self, at):
        """Returns the entry of the function that contains an address."""
        index = bisect.bisect([start for start, _, _ in self.functions], at - 1) - 1
        return self.functions[index] if index >= 0 else (0, "?", "?")

    def function_of(self, at):
        """Returns the name of the function that contains an address."""
        return self.entry_of(at)[1]

    def symbol_of(self, at):
        """Returns the symbol of the function that contains an address."""
        return self.entry_of(at)[2]

    def is_panic(self, at):
        """Returns whether a branch is the one of an assertion that is never taken."""
        return at in self.assertions or any(PANIC.search(name) for name, _ in self.places[at])

    def frames(self, at):
        """Returns pairs of function and FILE:LINE for a branch, the innermost inlined function first.

        FILE:LINE is "" if the code does not belong to this project.
        """
        return [(name, self.place_of(line)) for name, line in self.places[at]]

    @staticmethod
    def place_of(line):
        """Returns FILE:LINE from a line of the symbolizer, or "" if the file is not in this project."""
        ours = line.startswith((TOP, "./"))
        return os.path.relpath(re.sub(r":\d+$", "", line), TOP) if ours else ""

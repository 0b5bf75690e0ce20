# SPDX-License-Identifier: GPL-2.0
"""What the fuzzer has reached of the module: functions and branches.

A branch is a place where the compiler has put a call of __sanitizer_cov_trace_pc:
the beginning of a function, and each way out of a condition. KCOV tells the
address behind such a call.
"""

import bisect
import collections
import os
import re
import subprocess
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
REASONS = f"{TOP}/tests/fuzz/unreached"
TRACE = "__sanitizer_cov_trace_pc"
# From a relocation to the address behind the call.
BEHIND = {"x86_64": 4, "arm64": 4}
# Where the module is linked to, for those who look up lines.
BASE = 0x1000000
# Instances of the library's and the compiler's own code: what they are part of is counted itself.
GLUE = re.compile(r"^(<|&|\*|mut |\[)*(core|alloc|kernel|pin_init|zerocopy|bool)\b|^asan\.|^__do_trace_")
# Branches that lead to a panic only: assertions of the compiler and the library.
PANIC = re.compile(r"panic|precondition_check|unwrap_failed|assert_failed|expect_failed")


def tool(*command, stdin=None):
    """What one of LLVM's tools prints."""
    return subprocess.run([f"{command[0]}-22", *command[1:]], input=stdin, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          check=True).stdout


class Module:
    """The instrumented module's functions and branches."""

    def __init__(self, path, arch):
        self.path = path
        self.functions = []
        text = re.search(r"\[ *(\d+)\] \.text ", tool("llvm-readelf", "-SW", path))[1]
        pattern = re.compile(rf"^ *\d+: ([0-9a-f]+) +\d+ FUNC +\S+ +\S+ +{text} (.*)$", re.M)
        symbols = tool("llvm-readelf", "-sW", "--demangle", path)
        self.functions = sorted((int(at, 16), name) for at, name in pattern.findall(symbols))
        relocations = tool("llvm-readelf", "-rW", path).split("Relocation section ")
        own = next(part for part in relocations if part.startswith("'.rela.text'"))
        self.branches = sorted(int(line.split()[0], 16) + BEHIND[arch]
                               for line in own.splitlines() if TRACE in line)
        self.places = dict(zip(self.branches, self.symbolize()))

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
            yield list(zip(lines[::2], lines[1::2]))

    def function_of(self, at):
        """The name of the function that an address is in."""
        index = bisect.bisect([start for start, _ in self.functions], at - 1) - 1
        return self.functions[index][1] if index >= 0 else "?"

    def is_panic(self, at):
        """Whether a branch is one that only an assertion of the compiler's takes."""
        return any(PANIC.search(name) for name, _ in self.places[at])

    def line_of(self, at):
        """The innermost line of this project's that a branch belongs to."""
        for _, line in self.places[at]:
            if line.startswith(TOP) or line.startswith("./"):
                return os.path.relpath(re.sub(r":\d+$", "", line), TOP)
        return ""


def reasons():
    """Pairs of a pattern and why what matches it is never reached."""
    result = []
    with open(REASONS, encoding="utf-8") as file:
        for line in file:
            if line.strip() and not line.startswith("#"):
                pattern, reason = line.rstrip("\n").split("\t", 1)
                result.append((re.compile(pattern), reason.strip()))
    return result


def report(module, reached, out):
    """Writes what was reached; returns the figures and the functions nobody has explained."""
    by_function = collections.defaultdict(list)
    for at in module.branches:
        by_function[module.function_of(at)].append(at)
    known = reasons()
    never, unexplained = [], []
    for name, branches in sorted(by_function.items()):
        if reached.isdisjoint(branches):
            never.append(name)
            if not GLUE.search(name) and not any(pattern.search(name) for pattern, _ in known):
                unexplained.append(name)
    normal = [at for at in module.branches if not module.is_panic(at)]
    with open(out, "w", encoding="utf-8") as file:
        write_functions(file, by_function, reached)
        file.write("\nNever reached:\n")
        for name in never:
            glue = "code of the library or the compiler" if GLUE.search(name) else "UNEXPLAINED"
            why = next((reason for pattern, reason in known if pattern.search(name)), glue)
            file.write(f"  {name}: {why}\n")
        file.write("\nBranches never reached in functions that were:\n")
        for line in sorted({module.line_of(at) + "  " + module.function_of(at) for at in normal
                            if at not in reached and module.function_of(at) not in never}):
            file.write(f"  {line}\n")
    figures = {
        "functions": len(by_function), "functions_reached": len(by_function) - len(never),
        "branches": len(normal), "branches_reached": len(reached.intersection(normal)),
        "assertions": len(module.branches) - len(normal),
    }
    return figures, unexplained


def write_functions(file, by_function, reached):
    """A line for each function: branches reached, of how many."""
    for name, branches in sorted(by_function.items()):
        file.write(f"{len(reached.intersection(branches)):4} of {len(branches):4}  {name}\n")

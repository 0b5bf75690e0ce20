# SPDX-License-Identifier: GPL-2.0
"""Which of a Rust file is product code: what may be changed, and where in it one is."""

import os
import re

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__)))))
ROOTS = ("drivers/dma-buf/fence_exporter", "rust/kernel")
# Options of code that no product has.
TESTING = r"CONFIG_KERNEL_OVERLAY_(?:KUNIT|NEGATIVE)_TEST"
# A `mod` that is there for tests only: its file is no product code.
TEST_MOD = re.compile(rf"#\[cfg\({TESTING}\)\]\n(?:pub )?mod (\w+);")
# Comments, strings, characters (but not lifetimes).
WORDS = re.compile(r"""//[^\n]*|/\*.*?\*/|b?c?"(?:\\.|[^"\\])*"|'(?:\\.[^']*|[^'\\])'""", re.S)
# What is not code that runs: attributes, imports, assertions, docs of macros, messages.
NOT_CODE = (r"#!?\[", r"\buse ", r"\b(?:static_assert|const_assert|build_assert|assert|assert_eq|"
            r"debug_assert|debug_assert_eq|pr_\w+|dev_\w+|fmt|warn_on)!\(", r"\bmacro_rules! ",
            r"\bconst _: ")
FUNCTION = re.compile(r"\bfn (\w+)")


def blank(text, start, end):
    """The text with a part of it made blank; lines stay where they are."""
    return text[:start] + re.sub(r"[^\n]", " ", text[start:end]) + text[end:]


def item_end(code, start):
    """Behind the item that begins at `start`: at its `;`, or the brace that closes its body."""
    depth = 0
    for at in range(start, len(code)):
        depth += (code[at] in "([") - (code[at] in ")]")
        if depth == 0 and code[at] == "{":
            return bracket_end(code, at)
        if depth == 0 and code[at] in ";,":
            return at + 1
    return len(code)


def product_code(text):
    """The text with all blank that is not product code, each character in its place."""
    code = WORDS.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)
    for item in re.finditer(rf"#\[cfg\(\s*(?:any\(\s*)?{TESTING}[^\]]*\)\]", code):
        code = blank(code, item.start(), item_end(code, item.end()))
    for pattern in NOT_CODE:
        at = 0
        while match := re.compile(pattern).search(code, at):
            if pattern.startswith("#"):
                end = bracket_end(code, match.end() - 1)
            elif pattern.endswith((" ", ": ")) and "macro_rules" not in pattern:
                end = statement_end(code, match.start())
            else:
                end = bracket_end(code, code.find("{", match.start())
                                  if "macro_rules" in pattern else match.end() - 1)
            code = blank(code, match.start(), end)
            at = end
    return code


def bracket_end(code, start):
    """Behind the bracket that closes the one at `start`."""
    depth = 0
    for at in range(start, len(code)):
        depth += (code[at] in "([{") - (code[at] in ")]}")
        if depth == 0:
            return at + 1
    return len(code)


def statement_end(code, start):
    """Behind the `;` that ends the statement at `start`."""
    depth = 0
    for at in range(start, len(code)):
        depth += (code[at] in "([{") - (code[at] in ")]}")
        if code[at] == ";" and depth == 0:
            return at + 1
    return len(code)


def function_at(code, at):
    """The name of the innermost function around a place; empty if it is in none."""
    depth = 0
    for place in range(at - 1, -1, -1):
        if code[place] == "}":
            depth += 1
        elif code[place] == "{":
            depth -= 1
            if depth < 0:
                depth = 0
                head = code[max(code.rfind(end, 0, place) for end in ";{}") + 1:place]
                if match := FUNCTION.search(head):
                    return match[1]
    return ""


def read(path):
    """The text of a file of the tree."""
    with open(f"{TOP}/{path}", encoding="utf-8") as file:
        return file.read()


def product_files():
    """The files that have product code, by their paths in the tree, in order."""
    found, tests = [], set()
    for root in ROOTS:
        for directory, _, names in os.walk(f"{TOP}/{root}"):
            for name in names:
                path = os.path.relpath(f"{directory}/{name}", TOP)
                if not name.endswith(".rs"):
                    continue
                found.append(path)
                inside = directory if name in ("lib.rs", "main.rs") else f"{directory}/{name[:-3]}"
                inside = os.path.relpath(inside, TOP)
                tests |= {f"{inside}/{mod}.rs" for mod in TEST_MOD.findall(read(path))}
    return sorted(path for path in found if path not in tests)

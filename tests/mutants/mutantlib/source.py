# SPDX-License-Identifier: GPL-2.0
"""Finds the product code of a Rust file, which rules may change, and the place of a mutant in it."""

import os
import re

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__)))))
ROOTS = ("drivers/dma-buf/fence_exporter", "rust/kernel")
# The options of code that only tests are built with.
TESTING = r"CONFIG_KERNEL_OVERLAY_(?:KUNIT|NEGATIVE)_TEST"
# A `mod` that only tests are built with: its file is not product code.
TEST_MOD = re.compile(rf"#\[cfg\({TESTING}\)\]\n(?:pub )?mod (\w+);")
# Comments, strings and character literals, but not lifetimes.
WORDS = re.compile(r"""//[^\n]*|/\*.*?\*/|b?c?"(?:\\.|[^"\\])*"|'(?:\\.[^']*|[^'\\])'""", re.S)
# Text that is not code that runs: attributes, imports, assertions, macro definitions, messages.
NOT_CODE = (r"#!?\[", r"\buse ", r"\b(?:static_assert|const_assert|build_assert|assert|assert_eq|"
            r"debug_assert|debug_assert_eq|pr_\w+|dev_\w+|fmt|warn_on)!\(", r"\bmacro_rules! ",
            r"\bconst _: ")
FUNCTION = re.compile(r"\bfn (\w+)")


def blank(text, start, end):
    """Returns the text with a part replaced by spaces. Its newlines stay."""
    return text[:start] + re.sub(r"[^\n]", " ", text[start:end]) + text[end:]


def item_end(code, start):
    """Returns the end of the item that begins at `start`: after its `;`, or after its closing brace."""
    depth = 0
    for at in range(start, len(code)):
        depth += (code[at] in "([") - (code[at] in ")]")
        if depth == 0 and code[at] == "{":
            return bracket_end(code, at)
        if depth == 0 and code[at] in ";,":
            return at + 1
    return len(code)


def product_code(text):
    """Returns the text with spaces instead of all that is not product code. Positions stay the same."""
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
    """Returns the position after the bracket that closes the one at `start`."""
    depth = 0
    for at in range(start, len(code)):
        depth += (code[at] in "([{") - (code[at] in ")]}")
        if depth == 0:
            return at + 1
    return len(code)


def statement_end(code, start):
    """Returns the position after the `;` that ends the statement at `start`."""
    depth = 0
    for at in range(start, len(code)):
        depth += (code[at] in "([{") - (code[at] in ")]}")
        if code[at] == ";" and depth == 0:
            return at + 1
    return len(code)


def function_at(code, at):
    """Returns the name of the innermost function around a position, or "" if there is none."""
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
    """Returns the text of a file of the tree."""
    with open(f"{TOP}/{path}", encoding="utf-8") as file:
        return file.read()


def product_files():
    """Returns the sorted paths of the files that contain product code, relative to the tree."""
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

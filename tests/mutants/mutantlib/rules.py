# SPDX-License-Identifier: GPL-2.0
"""The rules by which mutants are made: each changes one place of the product code.

The code is formatted by rustfmt, which a rule may rely on: an operator of two operands has a
space on each side, which neither generics nor references have.
"""

import dataclasses
import hashlib
import re

from . import source

# What is at a place, and what it becomes. A rule that isn't meant for a place makes a mutant that
# doesn't compile, which is counted apart.
EXCHANGES = {
    "comparison": [(r"(?<= )<(?= )", "<="), (r"(?<= )<=(?= )", "<"), (r"(?<= )>(?= )", ">="),
                   (r"(?<= )>=(?= )", ">"), (r"(?<= )==(?= )", "!="), (r"(?<= )!=(?= )", "==")],
    "logic": [(r"(?<= )&&(?= )", "||"), (r"(?<= )\|\|(?= )", "&&")],
    "negation": [(r"(?<![\w\])])!(?=[\w(])", "")],
    "condition": [(r"\bif ([\w.()&:*]+) (?={)", r"if !(\1) "),
                  (r"\bwhile ([\w.()&:*]+) (?={)", r"while !(\1) ")],
    "bound": [(r" [+-] 1\b(?!_)", ""), (r"(?<=_sub\()1(?=\))", "0"), (r"(?<=_add\()1(?=\))", "0"),
              (r"\.\.=", ".."), (r"(?<=[\[( ])0\.\.", "1.."),
              (r"(?<== )(\d+)(?=;)", r"\1 + 1"), (r"(?<=: )(\d+)(?=,)", r"\1 + 1")],
    "arithmetic": [(r"(?<=[\w)] )\+(?= [a-z(\d])", "-"), (r"(?<=[\w)] )-(?= [a-z(\d])", "+"),
                   (r"(?<= )\+=(?= )", "-="), (r"(?<= )-=(?= )", "+="), (r"(?<= )<<(?= )", ">>"),
                   (r"\bsaturating_(add|sub|mul)\b", r"wrapping_\1")],
    "min-max": [(r"\.min\(", ".max("), (r"\.max\(", ".min(")],
    "result": [(r"\btrue\b", "false"), (r"\bfalse\b", "true"), (r"\.is_some\(\)", ".is_none()"),
               (r"\.is_none\(\)", ".is_some()"), (r"\.is_ok\(\)", ".is_err()"),
               (r"\.is_err\(\)", ".is_ok()"), (r"\bSome\([\w.*&]+\)(?=\n *})", "None"),
               (r"\bReady::ALWAYS\b", "Ready::NEVER")],
    "errno": [(r"\bErr\(E(?!PERM)[A-Z0-9]+\)", "Err(EPERM)"),
              (r"\bor\(E(?!PERM)[A-Z0-9]+\)", "or(EPERM)"),
              (r"(?<=\(\|_\| )E(?!PERM)[A-Z0-9]+(?=\))", "EPERM")],
    "ordering": [(r"\b(?:Full|Acquire|Release)\b(?=\))",
                  "::kernel::sync::atomic::ordering::Relaxed")],
    "flag": [(r"\b[A-Z][\w:]* \| (?=[A-Z])", ""), (r"(?<=[A-Z\d]) \| [A-Z]\w*(?=[ ;,)\n])", ""),
             (r"\bGFP_KERNEL_ACCOUNT\b", "GFP_KERNEL"), (r"\b(?:bindings::)?O_CLOEXEC\b", "0"),
             (r"(?<= )& !\w+", ""), (r"(?<=\w )& [A-Z]\w+ (?=[!=]=)", "")],
    "argument": [(r"(?<=\w\()([\w.]+|\*\w+), ([\w.]+|\*\w+)(?=\))", r"\2, \1"),
                 (r"(?<=\w\()([\w.]+), ([\w.]+)(?=, )", r"\2, \1"),
                 (r"(?<=, )([\w.]+), ([\w.]+)(?=\))", r"\2, \1"),
                 (r"\b([\w.]+)\.(wrapping_sub|saturating_sub|cmp)\(([\w.]+)\)", r"\3.\2(\1)")],
}
# Statements that are dropped: calls, and changes of what is there.
CALL = re.compile(r"(?:[\w.&*]|::|\(\)|\?)+(?:\.\w+|::\w+)?(?:::<[^;]*?>)?\(.*\)\??", re.S)
CHANGE = re.compile(r"[\w.*]+ (?:[-+|&]?=) .*", re.S)
UNSAFE_CALL = re.compile(r"(?<=\n)( +)(unsafe \{[^{}]*\};?)(?=\n)")
KEYWORDS = re.compile(r"(?:let|return|break|continue|use|if|for|while|loop|match|pub|fn|impl|const|"
                      r"static|struct|type|enum|trait|mod|where|extern|unsafe|macro_rules)\b")


@dataclasses.dataclass(frozen=True)
class Mutant:
    """One place of a file, changed by one rule."""

    file: str
    rule: str
    start: int
    end: int
    new: str
    # For people, and to find it again when it has moved: the function, and the line before and after.
    number: int
    function: str
    line: str
    changed: str
    # Which one it is among those that are otherwise the same.
    nth: int = 0

    @property
    def key(self):
        """What it is known by when it has moved."""
        return self.file, self.function, self.rule, self.line, self.changed

    @property
    def name(self):
        """Names it: file, line, rule, and a hash of what is changed."""
        digest = hashlib.sha256("\0".join((*self.key, str(self.nth))).encode()).hexdigest()[:8]
        return f"{self.file}:{self.number}:{self.rule}:{digest}"

    def apply(self, text):
        """The file's text with the change. Lines stay where they are."""
        lost = text[self.start:self.end].count("\n") - self.new.count("\n")
        return text[:self.start] + self.new + "\n" * lost + text[self.end:]


def exchanges(code):
    """Yields (rule, start, end, new) for what is exchanged in product code."""
    for rule, patterns in EXCHANGES.items():
        for pattern, new in patterns:
            for match in re.finditer(pattern, code):
                text = match.expand(new)
                if text != match[0]:
                    yield rule, match.start(), match.end(), text


def dropped(code):
    """Yields (rule, start, end, new) for statements that are dropped from product code."""
    for match in UNSAFE_CALL.finditer(code):
        before = code[:match.start()].rstrip()
        if before.endswith((";", "{", "}")) and (match[2].endswith(";") or ";" in match[2]):
            yield "dropped", match.start(2), match.end(2), ""
    start, depth = 0, [0]
    for at, char in enumerate(code):
        if char in "([":
            depth[-1] += 1
        elif char in ")]":
            depth[-1] -= 1
        elif char == "{":
            depth.append(0)
            start = at + 1
        elif char == "}":
            if len(depth) > 1:
                depth.pop()
            start = at + 1
        elif char == ";" and depth[-1] == 0:
            statement = code[start:at].strip()
            place = start + len(code[start:at]) - len(code[start:at].lstrip())
            if statement and not KEYWORDS.match(statement) and source.function_at(code, place) and \
                    (CALL.fullmatch(statement) or CHANGE.fullmatch(statement)):
                yield "dropped", place, at + 1, ""
            start = at + 1


def mutants_of(path, text):
    """All mutants of a file, in the order of places."""
    code = source.product_code(text)
    seen: dict[tuple[str, ...], int] = {}
    for rule, start, end, new in sorted({*exchanges(code), *dropped(code)},
                                        key=lambda change: (change[1], change[0], change[3])):
        begin = text.rfind("\n", 0, start) + 1
        stop = text.find("\n", end)
        # A statement of several lines is known by all of them.
        line = " ".join(text[begin:stop].split())
        changed = " ".join((text[begin:start] + new + text[end:stop]).split())
        function = source.function_at(code, start)
        key = (rule, function, line, changed)
        seen[key] = seen.get(key, -1) + 1
        yield Mutant(path, rule, start, end, new, text.count("\n", 0, start) + 1, function, line,
                     changed, seen[key])


def all_mutants():
    """The mutants of all product code."""
    return [mutant for path in source.product_files()
            for mutant in mutants_of(path, source.read(path))]


def draw(mutants, seed):
    """The mutants in the order of a seed, which does not change with what others there are."""
    def place(mutant):
        return hashlib.sha256(f"{seed} {mutant.name}".encode()).digest()
    return sorted(mutants, key=place)

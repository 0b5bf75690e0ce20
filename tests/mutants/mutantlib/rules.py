# SPDX-License-Identifier: GPL-2.0
"""The rules that make mutants. Each mutant changes one place of the product code.

The rules rely on the format of rustfmt: a binary operator has a space on each side, unlike the same
characters in generics and references.
"""

import dataclasses
import hashlib
import re

from . import source

# For each rule, patterns and their replacements. If a rule matches where it should not, the mutant does
# not compile. Such mutants are counted separately.
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
# The statements that the rules drop: calls, and assignments that change an existing value.
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
    # For people, and to find the place again if it has moved: line number, function, and the line
    # before and after the change.
    number: int
    function: str
    line: str
    changed: str
    # The index of this mutant among mutants that are otherwise the same.
    nth: int = 0

    @property
    def key(self):
        """Returns what identifies the mutant even if its line has moved."""
        return self.file, self.function, self.rule, self.line, self.changed

    @property
    def name(self):
        """Returns the name: file, line, rule, and a hash of the change."""
        digest = hashlib.sha256("\0".join((*self.key, str(self.nth))).encode()).hexdigest()[:8]
        return f"{self.file}:{self.number}:{self.rule}:{digest}"

    def apply(self, text):
        """Returns the file's text with the change. Later lines keep their numbers."""
        lost = text[self.start:self.end].count("\n") - self.new.count("\n")
        return text[:self.start] + self.new + "\n" * lost + text[self.end:]


def exchanges(code):
    """Yields (rule, start, end, new) for each text of product code that EXCHANGES replaces."""
    for rule, patterns in EXCHANGES.items():
        for pattern, new in patterns:
            for match in re.finditer(pattern, code):
                text = match.expand(new)
                if text != match[0]:
                    yield rule, match.start(), match.end(), text


def dropped(code):
    """Yields (rule, start, end, new) for each statement of product code that a rule drops."""
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
    """Returns all mutants of a file, in the order of their places."""
    code = source.product_code(text)
    seen: dict[tuple[str, ...], int] = {}
    for rule, start, end, new in sorted({*exchanges(code), *dropped(code)},
                                        key=lambda change: (change[1], change[0], change[3])):
        begin = text.rfind("\n", 0, start) + 1
        stop = text.find("\n", end)
        # A statement of several lines is identified by all its lines.
        line = " ".join(text[begin:stop].split())
        changed = " ".join((text[begin:start] + new + text[end:stop]).split())
        function = source.function_at(code, start)
        key = (rule, function, line, changed)
        seen[key] = seen.get(key, -1) + 1
        yield Mutant(path, rule, start, end, new, text.count("\n", 0, start) + 1, function, line,
                     changed, seen[key])


def all_mutants():
    """Returns the mutants of all product code."""
    return [mutant for path in source.product_files()
            for mutant in mutants_of(path, source.read(path))]


def draw(mutants, seed):
    """Returns the mutants in an order that depends on the seed.

    If mutants are added or removed, the order of the others does not change.
    """
    def place(mutant):
        return hashlib.sha256(f"{seed} {mutant.name}".encode()).digest()
    return sorted(mutants, key=place)

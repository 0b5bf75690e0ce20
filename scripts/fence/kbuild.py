# SPDX-License-Identifier: GPL-2.0
"""Reads the commands that kbuild saves: a file `.NAME.cmd` beside each NAME that it makes.

The first line of such a file is an assignment of make, `savedcmd_NAME := COMMAND`. COMMAND is
shell text: simple commands, separated by `;` or `&&`. To compile a file again in the same way, the
caller takes such a command, removes the arguments that name outputs, and adds its own outputs.
"""

import dataclasses
import os
import re
import shlex
import subprocess
from collections.abc import Iterator

# The separators of commands. The parser refuses all other syntax of a shell: a caller runs the words
# without a shell, and would not do what kbuild did.
SEPARATORS = (";", "&&")
OPERATORS = frozenset(";&|<>()")


class Unreadable(Exception):
    """A file does not exist, or this parser does not understand it. The text says which."""


@dataclasses.dataclass(frozen=True)
class Command:
    """A simple command: the variables that it sets, its program and the arguments."""
    environment: dict[str, str]
    words: list[str]

    def values(self, option: str) -> list[str]:
        """Returns the values of an option, as `OPTION=VALUE` or as `OPTION VALUE`, in order."""
        return [value for word, value in self.options() if word == option and value is not None]

    def options(self) -> Iterator[tuple[str, str | None]]:
        """Yields each word, split at its first `=`, or together with the next word."""
        for number, word in enumerate(self.words):
            name, equals, value = word.partition("=")
            following = self.words[number + 1] if number + 1 < len(self.words) else None
            yield name, value if equals else following

    def without(self, *dropped: str) -> "Command":
        """Returns the command without some options and their values.

        The value of an option that ends in a comma follows the comma, in the same word.
        """
        kept = []
        words = iter(self.words)
        for word in words:
            if word in dropped:
                next(words, None)
            elif not any(word.startswith(option if option.endswith(",") else f"{option}=")
                         for option in dropped):
                kept.append(word)
        return Command(self.environment, kept)

    def crate_environment(self) -> dict[str, str]:
        """Returns the variables of `env!()`: the environment, and what `--env-set` adds."""
        added = (value.partition("=") for value in self.values("--env-set"))
        return {**self.environment, **{name: value for name, _, value in added}}

    def run(self, *more: str, cwd: str) -> subprocess.CompletedProcess[str]:
        """Runs the command with more arguments. Its output is in `stdout`.

        rustc accepts the kernel's unstable features only with RUSTC_BOOTSTRAP.
        """
        return subprocess.run(
            [*self.words, *more], cwd=cwd, check=False, text=True, errors="replace",
            env={**os.environ, "RUSTC_BOOTSTRAP": "1", **self.environment},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


@dataclasses.dataclass(frozen=True)
class Crate:
    """The flags with which rustc compiles a crate, without those for its outputs.

    rustdoc accepts the same flags. `environment` has the variables of `env!()`.
    """
    environment: dict[str, str]
    flags: list[str]
    source: str


# Flags that name rustc's outputs, and flags that rustdoc does not have. rustdoc has no `--env-set`, and
# reads env!() from its environment.
OUTPUTS = ("--emit", "--out-dir", "--crate-name", "--crate-type", "-Zbinary_dep_depinfo",
           "--remap-path-scope", "-Clinker", "--env-set")


def shell_text(path: str | os.PathLike[str]) -> str:
    """Returns the shell text of a `.cmd` file: the value of the assignment, expanded as by make."""
    try:
        with open(path, encoding="utf-8") as file:
            name, assigned, text = file.readline().partition(":=")
    except FileNotFoundError:
        raise Unreadable(f"{path} is not there: has kbuild not built that yet?") from None
    if not assigned or not name.startswith("savedcmd_"):
        raise Unreadable(f"{path} has no command in its first line")
    # kbuild escapes both characters for make.
    return re.sub(r"\$\$|\$\(pound\)", lambda found: "$" if found[0] == "$$" else "#", text).strip()


def split(text: str) -> Iterator[Command]:
    """Yields the simple commands of shell text."""
    lexer = shlex.shlex(text, posix=True, punctuation_chars="".join(OPERATORS))
    lexer.whitespace_split = True
    lexer.commenters = ""
    words: list[str] = []
    for word in lexer:
        if word in SEPARATORS:
            yield simple(words)
            words = []
        elif word and OPERATORS.issuperset(word):
            raise Unreadable(f"{word!r} in a saved command: {text[:200]}")
        else:
            words.append(word)
    if words:
        yield simple(words)


def simple(words: list[str]) -> Command:
    """Makes a command from words."""
    environment = {}
    while words and (match := re.fullmatch(r"(\w+)=(.*)", words[0], re.S)):
        environment[match[1]] = match[2]
        words = words[1:]
    return Command(environment, words)


def commands(path: str | os.PathLike[str]) -> list[Command]:
    """Returns all commands of a `.cmd` file, in order."""
    return list(split(shell_text(path)))


def command(path: str | os.PathLike[str]) -> Command:
    """Returns the first command of a `.cmd` file. The later ones only change the object."""
    return next(split(shell_text(path)))


def crate(path: str | os.PathLike[str]) -> Crate:
    """Returns how the crate of a `.cmd` file is compiled."""
    saved = command(path)
    flags = saved.without(*OUTPUTS).words[1:]
    sources = [flag for flag in flags if flag.endswith(".rs") and not flag.startswith("-")]
    if len(sources) != 1:
        raise Unreadable(f"{path} is not the command of a crate")
    flags.remove(sources[0])
    return Crate(saved.crate_environment(), flags, sources[0])

# SPDX-License-Identifier: GPL-2.0
"""Makes the patch series for rust/ and the driver: see scripts/upstream."""

import os
import re
import subprocess
import sys
from typing import NoReturn

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
DATA = f"{TOP}/scripts/upstream.d"
OUT = f"{TOP}/build/upstream"


def die(*message: object) -> NoReturn:
    print("scripts/upstream:", *message, file=sys.stderr)
    sys.exit(1)


def say(*message: object) -> None:
    print(" ", *message, file=sys.stderr, flush=True)


def read(path: str) -> str:
    with open(path, encoding="utf-8") as file:
        return file.read()


def write(path: str, text: str) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def found(pattern: str, text: str, flags: int = 0) -> re.Match[str]:
    """Returns the first match of a pattern in a text. Ends the program if nothing matches."""
    match = re.search(pattern, text, flags)
    if not match:
        die(f"nothing matches {pattern!r} in the text that begins with {text[:100]!r}")
    return match


def replace_once(text: str, old: str, new: str, where: str) -> str:
    if text.count(old) != 1:
        die(f"{where}: expected once, is there {text.count(old)} times: {old!r}")
    return text.replace(old, new)


def run(*command: str, cwd: str | None = None, env: dict[str, str] | None = None,
        input: str | None = None) -> str:
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            check=False, cwd=cwd, env=env, input=input)
    if result.returncode:
        print(result.stdout[-8000:], file=sys.stderr)
        die(f"{os.path.basename(command[0])} ended with {result.returncode}")
    return result.stdout


def git(path: str, *arguments: str, input: str | None = None) -> str:
    return run("git", "-C", path, "-c", "core.hooksPath=/dev/null", "-c", "commit.gpgSign=false",
               *arguments, input=input)

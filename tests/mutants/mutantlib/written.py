# SPDX-License-Identifier: GPL-2.0
"""Runs the hand-written mutants. The KUnit case that the entry names, or the compiler, must notice each.

These mutants remove guards that docs/fences.md relies on. Some of them are noticed only by a checker of the
debug kernel.
"""

import os
import re
import subprocess

from .table import without


def notice(entry, copy):
    """Returns what noticed the mutant in a copy of the tree. Raises ValueError if nothing did."""
    path, changed = without(entry)
    with open(f"{copy}/{path}", encoding="utf-8") as file:
        original = file.read()
    try:
        with open(f"{copy}/{path}", "w", encoding="utf-8") as file:
            file.write(changed)
        return build_and_load(entry, copy)
    finally:
        with open(f"{copy}/{path}", "w", encoding="utf-8") as file:
            file.write(original)


def build_and_load(entry, copy):
    """Builds the module of the copy, and loads it to run the KUnit case."""
    arch, flavour = entry.get("kernel", "x86_64-gki").split("-", 1)
    built = subprocess.run([f"{copy}/scripts/module", "--kunit", arch, flavour], text=True,
                           capture_output=True, check=False)
    if "build" in entry:
        match = re.search(entry["build"], built.stderr)
        if built.returncode and match:
            return match[0]
        raise ValueError("it builds")
    if built.returncode:
        raise ValueError(f"it doesn't build:\n{built.stderr[-3000:]}")
    log = f"{copy}/guest.log"
    if os.path.exists(log):
        os.remove(log)
    subprocess.run([f"{copy}/scripts/vm", "run", "--arch", arch, "--kernel", flavour,
                    "--module", built.stdout.strip(), "--timeout", "240", "--keep-log", log,
                    "--append", f"kunit.filter_glob={entry['case']}", "--", "true"],
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    text = ""
    if os.path.exists(log):
        with open(log, encoding="utf-8", errors="replace") as file:
            text = file.read()
    case = entry["case"].partition(".")[2]
    match = re.search(rf"not ok \d+ {case}$", text, re.M)
    if not match and "report" in entry:
        match = re.search(rf"[^\n]*?((?:{entry['report']})[^\n]*)", text)
    if match:
        return match[0]
    raise ValueError("the case passes" if re.search(rf" ok \d+ {case}$", text, re.M)
                     else f"the case has not run: {text[-2000:]}")

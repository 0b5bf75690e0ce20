# SPDX-License-Identifier: GPL-2.0
"""Plants a bug in the driver. The fuzzer must find the bug, and --replay must reproduce it."""

import os
import re
import shutil
import subprocess

from . import fuzz
from .run import TOP

# The files and folders that a module is built from.
SOURCES = ("Kbuild", "Kconfig", "Makefile", "drivers", "include", "rust", "scripts")
COPY = f"{TOP}/build/planted"
# With the bug, SIGNAL warns when it signals the third fence or a later one with an error. To reach this,
# a program must create a timeline and as many fences, and make the right call.
FILE = "drivers/dma-buf/fence_exporter/native/calls.rs"
BEHIND = "        let status = abi::status(request.status)?;\n"
BUG = """
        use kernel::sync::atomic::{ordering::Relaxed, Atomic};
        // Not so often that the log is full of it.
        static SEEN: Atomic<u32> = Atomic::new(0);
        let bad = status.is_err() && (3..=self.last()).contains(&request.seqno);
        kernel::warn_on!(bad && SEEN.fetch_add(1, Relaxed) < 8);
"""
# The report of the kernel, and the process in the report.
REPORT = r"WARNING: .*signal_now"
FOUND_BY = re.compile(r"Comm: (f[0-9a-f]{12}|fcorpus\d+)\b")
# Calls of a round, or of a replay.
CALLS = 100_000
# The most rounds. Each has a seed of its own, and most of them find the bug.
ROUNDS = 20
# How many of the programs that found the bug are replayed. Some reach it only with the help of other
# workers.
TRIES = 3


def build(run):
    """Builds the module with the bug from a copy of the tree. Returns the path of the module."""
    shutil.rmtree(COPY, ignore_errors=True)
    for name in SOURCES:
        copy = shutil.copytree if os.path.isdir(f"{TOP}/{name}") else shutil.copy2
        os.makedirs(COPY, exist_ok=True)
        copy(f"{TOP}/{name}", f"{COPY}/{name}")
    with open(f"{COPY}/{FILE}", encoding="utf-8") as file:
        text = file.read()
    # The first match is in SIGNAL. SIGNAL_AT has this line in another form.
    before, found, behind = text.partition(BEHIND)
    if not found:
        raise ValueError(f"{FILE} has no line to plant a bug behind")
    with open(f"{COPY}/{FILE}", "w", encoding="utf-8") as file:
        file.write(before + found + BUG + behind)
    return subprocess.run([f"{COPY}/scripts/module", run.args.arch, "gki"], check=True, text=True,
                          stdout=subprocess.PIPE).stdout.strip()


def planted(run):
    """Hunts the bug, until the replay of a program that found it causes it again."""
    module = build(run)
    found = False
    for number in range(ROUNDS):
        corpus = fuzz.read_corpus(run)
        names, output = hunt(run, module, "planted", ["-s", str(run.args.seed + number)], corpus)
        found = found or bool(names)
        # The replayed programs are taken from these.
        corpus += fuzz.kept_programs(output)
        back = next((name for name in names[:TRIES]
                     if name in hunt(run, module, "planted-replay", ["-r", name], corpus)[0]), None)
        if back:
            fuzz.keep_corpus(run, "planted.corpus", corpus)
            run.figures["planted"] = f"found by {len(names)} programs of round {number + 1}, " \
                                     f"{back} has brought it back"
            break
    for good, text in ((found, "the fuzzer finds the bug"), (back, "a replay brings it back")):
        run.counts.take("planted", text if good else f"not in {ROUNDS} rounds: {text}",
                        "pass" if good else "fail")


def hunt(run, module, step, command, given):
    """Returns the programs that hit the bug, and the fuzzer's output."""
    _, output = fuzz.run_fuzzer(
        lambda *words, timeout: run.vm(*words, timeout=timeout, quiet=True), step, "gki",
        ["--module", module, "--expect", REPORT],
        ["fuzz", "-c", str(CALLS), "-t", "120", *command], add=run.programs("fuzz"),
        given=given, limit=fuzz.LIMIT)
    with open(f"{run.results}/{step}.log", encoding="utf-8") as file:
        log = file.read()
    return list(dict.fromkeys(FOUND_BY.findall(log))) if re.search(REPORT, log) else [], output

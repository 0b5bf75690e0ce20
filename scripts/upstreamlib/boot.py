# SPDX-License-Identifier: GPL-2.0
"""Boots the kernel with the series: its KUnit suites and examples, and the driver's selftests."""

import os
import re
import shutil
import subprocess
import time

from fence import PATIENT, ktap, programs, tap, vm
from fence.counts import Counts

from . import OUT, TOP, die, read, run, say
from .build import IMAGES, Build, suites
from .tree import DRIVER, SELFTESTS

DOCTESTS = "rust_doctests_kernel"
# Seconds for all programs together. scripts/vm allows more on a slow machine. A program that hangs is
# ended much earlier, so that the others run.
LIMIT = 1800
# The line that follows the output of a program.
ENDED = re.compile(r"^@status (\S+) \d+$")
TARGETS = {"x86_64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}


def count_cases(log: str, examples: int) -> None:
    """Counts the cases of KUnit in a log. Ends the program if one failed or did not run.

    Other suites of the kernel run, too. Those must not fail either.
    """
    lines = [ktap.PREFIX.sub("", line) for line in read(log).splitlines()]
    # The suites have run before the module was loaded.
    end = next((number for number, line in enumerate(lines) if ktap.LOADING in line), len(lines))
    parser, errors = ktap.kernel_parser(), ktap.Errors()
    main = parser.parse_run_tests(lines[:end], errors)
    ran: dict[str, list[str]] = {}
    counts = Counts()
    words = {parser.TestStatus.SUCCESS: "pass", parser.TestStatus.SKIPPED: "skip"}
    for suite in main.subtests:
        ran[suite.name] = [case.name for case in suite.subtests]
        for case in suite.subtests:
            counts.take("KUnit", f"{suite.name}.{case.name}", words.get(case.status, "fail"))
    wanted = suites()
    for suite, cases in wanted.items():
        if sorted(ran.get(suite, [])) != sorted(cases):
            die(f"{suite}: of {cases}, these ran: {ran.get(suite, [])}: see {log}")
    if len(ran.get(DOCTESTS, [])) != examples:
        die(f"{len(ran.get(DOCTESTS, []))} of {examples} examples ran: see {log}")
    if counts.failed or errors.found:
        die(f"KUnit: {counts.failed} failed:", *errors.found, f": see {log}")
    ours = sum(len(cases) for cases in wanted.values())
    say(f"KUnit: {counts.passed} passed, {counts.skipped} skipped: {ours} cases of the series in "
        f"{len(wanted)} suites, {examples} examples, "
        f"{counts.passed + counts.skipped - ours - examples} of the kernel's own")


def build_programs(kernel: Build, folder: str) -> None:
    """Builds the selftests, as the makefiles of the kernel's tree do."""
    # kbuild finds no headers in the folders of the tree that are links, such as include/uapi/drm. The
    # kernel's own source has those.
    kernel.make("headers")
    run(*kernel.command("headers", source=kernel.original, out=f"{kernel.out}/original"))
    llvm, target = kernel.tools["LLVM"], TARGETS[kernel.arch]
    headers = [f"{kernel.out}/usr/include", f"{kernel.out}/original/usr/include"]
    if kernel.arch != "x86_64":
        # Each cross libc has a prefix of its own. By the target, clang finds the libraries there, but
        # it would use the headers of the host. The headers of the prefix come last, since some of them
        # are of an older kernel.
        headers.append(f"/usr/{target}/include")
    run("make", "-C", f"{kernel.source}/{SELFTESTS}", f"CC=clang{llvm} --target={target}",
        f"OUTPUT={folder}", f"top_srcdir={kernel.source}", "LDFLAGS=-pthread -static -fuse-ld=lld",
        "KHDR_INCLUDES=" + " ".join(f"-isystem {path}" for path in headers))


def run_programs(command: list[str], names: list[str], arch: str, results: str
                 ) -> tuple[int, str, Counts]:
    """Runs the guest. Returns the status of scripts/vm, its output, and the results of the programs.

    Prints the result of each program as soon as the program has ended, and writes all output to a file.
    """
    counts, text, left = Counts(), "", list(names)
    at, begin = 0, time.monotonic()
    with open(results, "w", encoding="utf-8") as file, subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            errors="replace") as process:
        assert process.stdout is not None
        for line in process.stdout:
            file.write(line)
            file.flush()
            text += line
            if line.startswith("@test "):
                at, begin = len(text) - len(line), time.monotonic()
            match = ENDED.match(line)
            if not match or match[1] not in left:
                continue
            left.remove(match[1])
            one = Counts()
            tap.take_programs(text[at:], [match[1]], one, arch)
            counts.add(one)
            say(f"{len(names) - len(left):2}/{len(names)} {match[1]}: {one.passed} passed, "
                f"{one.failed} failed, {one.skipped} skipped, {time.monotonic() - begin:.0f} s")
    tap.take_programs("", left, counts, arch)
    return process.returncode, text, counts


def boot(kernel: Build) -> None:
    """Builds the kernel, and runs its KUnit suites and the selftests of the driver in it."""
    # With W=1, kbuild runs kernel-doc on each C file. Build.build() has done that for the series' files.
    kernel.make("W=1", "CLIPPY=1", "KERNELDOC=/dev/null", IMAGES[kernel.arch], "modules")
    say(f"built: the kernel for {kernel.arch}")
    folder = f"{OUT}/{kernel.arch}"
    root, results = f"{folder}/root", f"{folder}/selftests.log"
    shutil.rmtree(folder, ignore_errors=True)
    built = f"{root}/{programs.DIRECTORY}"
    os.makedirs(built)
    build_programs(kernel, built)
    names = programs.tests_in(built)
    log = f"{folder}/boot.log"
    command = [f"{TOP}/scripts/vm", "run", "--arch", kernel.arch, "--kernel-build", kernel.out,
               "--module", f"{kernel.out}/{DRIVER}/fence_exporter.ko",
               "--params", f"sw_sync=1 {PATIENT}", "--timeout", str(LIMIT), "--memory", "2G",
               "--add", root, "--keep-log", log, "--", *programs.run_each(root, names, vm.LIMIT)]
    status, output, counts = run_programs(command, names, kernel.arch, results)
    if not os.path.exists(log):
        die(f"the kernel didn't boot: see {results}\n{output[-2000:]}")
    count_cases(log, read(f"{kernel.out}/rust/doctests_kernel_generated_kunit.c").count("KUNIT_CASE("))
    say(f"selftests: {len(names)} programs: {counts.passed} passed, {counts.failed} failed, "
        f"{counts.skipped} skipped: see {results}")
    if counts.failed or status or not counts.passed:
        die(f"the tree with the series fails its tests; scripts/vm ended with {status}: "
            f"see {results} and {log}\n{output[-2000:] if status else ''}")

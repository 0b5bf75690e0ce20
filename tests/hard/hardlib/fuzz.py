# SPDX-License-Identifier: GPL-2.0
"""The steps that run the fuzzer (tests/fuzz), and the coverage of the module that it reaches."""

import os
import re
import shutil

from . import unreached
from .cover import Module
from .run import TOP

# Low quotas and short timeouts, so that random calls reach them. The timeouts are long enough that a
# kernel with checkers, which is slow, can fill a quota before its fences time out.
PARAMS = "sw_sync=1 timeout_ms=150 max_timeout_ms=5000 max_pending=128 max_timelines=14 " \
         "sw_sync_timeout_ms=2000"
KEPT = f"{TOP}/tests/fuzz/corpus"
CALLS = 1_000_000
# The same for coverage. These calls reach what the kept corpus reaches, and a little more.
COVER_CALLS = 200_000
# What these calls reach depends on the pace of the machine. If a function is not reached, they are made
# again with another seed, up to this many times in all.
COVER_RUNS = 3
# Seconds that the fuzzer runs unless --soak is given. On a slow machine, it continues up to LEAST_CALLS.
FUZZ_TIME = 150
LEAST_CALLS = 5_000
# A replay ends after this many calls, or seconds.
REPLAY_CALLS = 20_000
REPLAY_TIME = 120
# Time limit in seconds of a run that ends after a number of calls. Like all limits, it is longer on a
# slow machine.
LIMIT = 700
# The architecture for which the reasons of tests/fuzz/unreached were checked. On another one, the
# compiler inlines other functions.
JUDGED = "x86_64"
SUMMARY = re.compile(r"^@summary (\d+) s: (\d+) calls, (\d+) programs, \d+ places, (\d+) kept, "
                     r"(\d+) faults, (\d+) odd", re.M)


def read_programs(path):
    """Returns the first line of a corpus, which names the calls, and the programs of the corpus."""
    with open(path, encoding="utf-8") as file:
        return file.readline(), [line.strip() for line in file if line.strip()]


def read_corpus(run):
    """Returns the programs to begin with: the kept ones, and those that earlier runs have found."""
    calls, given = read_programs(KEPT)
    if run.args.corpus:
        theirs, given = read_programs(run.args.corpus)
        if theirs != calls:
            raise SystemExit(f"{run.args.corpus}: the first line must name the calls, as that of {KEPT} does")
        return given
    found = f"{run.results}/corpus"
    if os.path.exists(found):
        theirs, programs = read_programs(found)
        # Programs that a fuzzer with other calls has found are of no use.
        given += programs if theirs == calls else []
    return list(dict.fromkeys(given))


def write_corpus(path, programs):
    """Writes a corpus."""
    with open(path, "w", encoding="utf-8") as file:
        file.write(read_programs(KEPT)[0])
        file.writelines(program + "\n" for program in programs)


def keep_corpus(run, name, programs):
    """Writes programs for later runs, or for a replay."""
    write_corpus(f"{run.results}/{name}", programs)


def run_fuzzer(guest, step, flavour, arguments, command, *, add, given, limit):
    """Runs the fuzzer in a guest with given programs. Returns the status of scripts/vm, and the output.

    `guest` is a method of Run that runs a guest. `add` is a directory with the fuzzer.
    """
    write_corpus(f"{add}/corpus", given)
    result = guest(step, flavour, *arguments, "--params", PARAMS, "--add", add,
                   "--", *command, "/corpus", timeout=limit)
    shutil.rmtree(add)
    return result


def fuzz(run):
    """Makes random calls, guided by coverage."""
    args = run.args
    seconds = args.soak * 60 if args.soak else FUZZ_TIME
    given = read_corpus(run)
    status, output = run_fuzzer(
        run.vm, "fuzz", "debug", ["--module", run.kcov_module()],
        ["fuzz", "-s", str(args.seed), "-c", str(10 ** 12), "-t", str(seconds),
                  "-l", str(LEAST_CALLS)],
        add=run.programs("fuzz"), given=given, limit=seconds + LIMIT)
    programs = given + kept_programs(output)
    keep_corpus(run, "fuzz.corpus", programs)
    if take_summary(run, "fuzz", status, output, LEAST_CALLS):
        useful = [int(line.split()[1]) for line in output.splitlines()
                  if line.startswith("@useful")]
        keep_corpus(run, "corpus", [programs[at] for at in useful if at < len(programs)])


def replay(run):
    """Runs one program again and again. With --fast, it runs on the kernel that flood uses."""
    flavour = "gki" if run.args.fast else "debug"
    status, output = run_fuzzer(
        run.vm, "replay", flavour, ["--module", run.build(flavour)],
        ["fuzz", "-r", run.args.replay, "-c", str(REPLAY_CALLS), "-t", str(REPLAY_TIME)],
        add=run.programs("fuzz"), given=read_corpus(run), limit=LIMIT)
    # The fuzzer first prints the steps of the program.
    print(output.partition("# 0 s:")[0])
    take_summary(run, "replay", status, output, 1)


def kept_programs(output):
    """Returns the programs that a run has added to the given ones."""
    return [line.split()[2] for line in output.splitlines() if line.startswith("@keep")]


def take_summary(run, step, status, output, least):
    """Counts the fuzzer's results. Returns whether the fuzzer has printed its summary."""
    summary = SUMMARY.search(output)
    if not summary:
        run.counts.take(step, f"no summary, scripts/vm ended with {status}: replay with "
                        f"--replay NAME --corpus {run.results}/{step}.corpus", "fail")
        return False
    seconds, calls, ran, kept, faults, odd = map(int, summary.groups())
    run.calls += calls
    run.figures[step] = f"{calls} calls in {ran} programs, {seconds} s, {faults} faults, " \
                        f"{kept} programs in the corpus"
    run.counts.take(step, "no report" if not status else
                    f"scripts/vm ended with {status}: the name of the thread in the report is what to "
                    f"--replay, with --corpus {run.results}/{step}.corpus",
                    "fail" if status else "pass")
    run.counts.take(step, f"{odd} answers that the interface doesn't have",
                    "fail" if odd else "pass")
    run.counts.take(step, f"{calls} calls of {least}", "fail" if calls < least else "pass")
    return True


def flood(run):
    """Makes many random calls, on the kernel where they are fast."""
    command = ["fuzz", "-s", str(run.args.seed), "-c", str(CALLS)]
    given = read_corpus(run)
    keep_corpus(run, "flood.corpus", given)
    status, output = run_fuzzer(run.vm, "flood", "gki", ["--module", run.build("gki")], command,
                                add=run.programs("fuzz"), given=given, limit=LIMIT)
    take_summary(run, "flood", status, output, CALLS)


def cover(run):
    """Finds which code of the module for devices is reached, and checks that the rest has reasons."""
    module, trace = run.traced_module()
    script = 'export FENCE_PARAMS="$0"; insmod /root/trace.ko && insmod /root/traced.ko $0 && ' \
        'echo "@text $(cat /sys/module/fence_exporter/sections/.text)" && exec "$@"'
    text = Module(module)
    for seed in range(run.args.seed, run.args.seed + COVER_RUNS):
        add = run.programs("fuzz")
        os.makedirs(f"{add}/root", exist_ok=True)
        shutil.copy(trace, f"{add}/root/trace.ko")
        shutil.copy(module, f"{add}/root/traced.ko")
        command = ["sh", "-c", script, PARAMS, "fuzz", "-s", str(seed), "-c", str(COVER_CALLS)]
        status, output = run_fuzzer(run.record, "cover", "gki", ["--no-load"], command, add=add,
                                    given=read_corpus(run), limit=LIMIT)
        if not take_summary(run, "cover", status, output, COVER_CALLS):
            return
        report = unreached.Report(text, run.reached, unreached.Reasons())
        failures = list(report.failures()) if run.args.arch == JUDGED else []
        if not failures:
            break
        print(f"  cover: with seed {seed}:", *failures, sep="\n    ")
    report.write(f"{run.results}/coverage.txt")
    run.figures["covered"] = report.summary()
    for branch in report.unexplained():
        print("  cover: no reason for", branch)
    for failure in failures:
        run.counts.take("cover", failure, "fail")
    if not failures:
        run.counts.take("cover", "what was not reached is explained", "pass")

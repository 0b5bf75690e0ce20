# SPDX-License-Identifier: GPL-2.0
"""QEMU: its command line, its life, and what comes over the serial line."""

import argparse
import ctypes
import dataclasses
import os
import re
import select
import signal
import subprocess
import sys
import time

from . import guest

PROGRAMS = {"x86_64": "qemu-system-x86_64", "arm64": "qemu-system-aarch64"}
CONSOLES = {"x86_64": "ttyS0", "arm64": "ttyAMA0"}
# A guest that is stuck can't tell its log: let it panic, which prints all of it.
STUCK = "panic_console_replay=1 oops=panic softlockup_panic=1 hung_task_panic=1 " \
        "sysctl.kernel.panic_on_rcu_stall=1"
# Seconds for a guest to boot in, however slow the machine is, and after the command to end in.
BOOT_LIMIT = 900
END_LIMIT = 60
HOST = {"x86_64": "x86_64", "aarch64": "arm64"}.get(os.uname().machine)


# What the kernel itself says on the console; only a dying one does.
KERNEL_LINE = re.compile(r"^\[ *\d+\.\d{6}\]")


@dataclasses.dataclass
class Result:
    """What a run came to: the command's status, None if it didn't end."""
    status: int | None = None
    log: str = ""
    console: str = ""
    # How many times as long as usual things take: what limits of time are multiplied with.
    pace: int | None = None
    timed_out: bool = False
    # The command ran into the limit; the guest itself is well.
    late: bool = False
    # What insmod said, if the module did not load.
    refused: str | None = None
    # QEMU has given the guest up, and waits for somebody to look at it.
    given_up: bool = False
    complete: bool = False

    def kernel_log(self) -> str:
        """The kernel's log: as the guest told it, or else as its panic replayed it."""
        if self.complete:
            return self.log
        replay = self.console.rfind("[    0.000000] Linux version")
        return self.console[replay:] if replay >= 0 else self.log + self.console


def accelerator(args: argparse.Namespace) -> str:
    """`kvm` where this guest can use it, else `tcg`.

    FENCE_ACCEL says which; what was found out is remembered until the next boot
    of the host.
    """
    choice = os.environ.get("FENCE_ACCEL", "auto")
    if choice != "auto":
        return choice
    if args.arch != HOST or not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return "tcg"
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        boot = file.read().strip()
    cache = os.environ.get("FENCE_CACHE") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "fence_exporter")
    note = os.path.join(cache, f"accelerator-{boot}")
    try:
        with open(note, encoding="ascii") as file:
            return file.read().strip()
    except FileNotFoundError:
        pass
    found = "kvm" if kvm_runs(args) else "tcg"
    os.makedirs(cache, exist_ok=True)
    with open(note, "w", encoding="ascii") as file:
        file.write(found)
    return found


def machine(args: argparse.Namespace, accel: str) -> list[str]:
    """The part of QEMU's command line that says what machine it is, and with which kernel."""
    # Without LA57: an interrupt while the kernel identifies the first processor
    # finds the feature's bit cleared for a moment, and KASAN every address wild.
    cpu = {"kvm": "host"}.get(accel, "max") + {"x86_64": ",-la57", "arm64": ""}[args.arch]
    # Virtio devices are legacy-free; q35 has no ACPI _PRT trouble under KASAN.
    kind = {"x86_64": "q35", "arm64": "virt,gic-version=3"}[args.arch]
    return [
        PROGRAMS[args.arch], "-accel", accel, "-M", kind, "-cpu", cpu,
        "-smp", str(args.smp if args.icount is None else 1), "-m", args.memory,
        "-display", "none", "-net", "none", "-no-reboot",
        "-kernel", guest.kernel_image(args),
    ]


def kvm_runs(args: argparse.Namespace) -> bool:
    """Whether KVM runs the guest's kernel: without an initramfs it must get as far as to miss one.

    Neither that /dev/kvm opens nor that the firmware runs says so: where KVM is itself
    emulated, the kernel may use an instruction that the outer one doesn't have.
    """
    append = f"console={CONSOLES[args.arch]} panic=-1 loglevel=1"
    command = [*machine(args, "kvm"), "-append", append, "-serial", "stdio", "-monitor", "none"]
    try:
        probe = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True,
                               timeout=30, check=False)
    except subprocess.TimeoutExpired:
        return False
    return b"Unable to mount root fs" in probe.stdout


def emulation(args: argparse.Namespace) -> str:
    """How TCG runs the guest's processors: each as a thread of the host's, where that is safe.

    An x86 kernel with JUMP_LABEL rewrites instructions that other processors are about to execute,
    behind an int3. QEMU 7.2 may execute an int3 that is there no more, if it has translated it in
    the instant in which it was replaced: "Oops: int3", in __schedule() for example, after an event
    of the scheduler has been switched on. In one thread there is no such instant.
    """
    if args.arch == "x86_64" and has_option(args, "CONFIG_JUMP_LABEL"):
        return "tcg,thread=single"
    return "tcg"


def die_with_parent() -> None:
    """Has the kernel end QEMU when this process is killed and can't do it."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


def has_option(args: argparse.Namespace, option: str) -> bool:
    """Whether the guest's kernel was built with a boolean option."""
    with open(os.path.join(guest.kernel_build(args), ".config"), encoding="utf-8") as file:
        return f"\n{option}=y\n" in file.read()


def slab_parameters(args: argparse.Namespace) -> str:
    """What a kernel with kmemleak needs to see leaks at all.

    Slab caches keep arrays of free objects, and an object that was taken from one
    leaves its address behind there, where kmemleak finds it (7.3). Caches that
    check their objects have no such arrays.
    """
    return "slab_debug=F" if has_option(args, "CONFIG_DEBUG_KMEMLEAK") else ""


def kunit_parameters(args: argparse.Namespace) -> str:
    """What keeps a suite of the kernel's own from running where it reports a warning.

    rust_spinlock_irq_condvar asserts that a SpinLockIrq disables interrupts. With PREEMPT_RT
    it doesn't (7.3). No suite of the module has a name that begins like that one.
    """
    return "kunit.filter_glob=rust_[!s]*" if has_option(args, "CONFIG_PREEMPT_RT") else ""


class Machine:
    """A guest that is about to run."""

    def __init__(self, args: argparse.Namespace, initrd: str) -> None:
        self.args = args
        # A busy host may not run the guest for as long as its kernel waits for the timer's first
        # interrupts, and it then panics.
        timer = {"x86_64": "no_timer_check", "arm64": ""}[args.arch]
        append = f"console={CONSOLES[args.arch]} {timer} panic=-1 loglevel=1 log_buf_len=8M " \
                 f"kunit.enable=1 printk.devkmsg=on {STUCK} {slab_parameters(args)} " \
                 f"{kunit_parameters(args)} {args.append}"
        # Both are what TCG has, and nothing else.
        accel = "tcg" if args.icount is not None or args.plugin else accelerator(args)
        if accel == "tcg":
            accel = emulation(args)
        self.command = [*machine(args, accel), "-initrd", initrd, "-append", append]
        if args.icount is not None:
            self.command += ["-icount", f"shift={args.icount},sleep=off"]
        if args.plugin:
            self.command += ["-plugin", args.plugin]
        for device in args.device:
            self.command += ["-device", device]

    def interact(self) -> int:
        """Gives the terminal to the guest."""
        return subprocess.run([*self.command, "-serial", "mon:stdio"], check=False).returncode

    def run(self) -> Result:
        """Runs the guest to its end or to the limit, and shows what the command prints."""
        process = subprocess.Popen(
            [*self.command, "-serial", "stdio", "-monitor", "none"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            # A Ctrl-C is ours to handle: it must not leave the guest behind.
            start_new_session=True, preexec_fn=die_with_parent)
        try:
            return self.listen(process)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def listen(self, process: subprocess.Popen[bytes]) -> Result:
        """Sorts what comes over the line into output, status and log."""
        assert process.stdout
        result = Result()
        reader = Reader(result)
        deadline = time.monotonic() + BOOT_LIMIT
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                result.timed_out = True
                return result
            if not select.select([process.stdout], [], [], left)[0]:
                continue
            data = os.read(process.stdout.fileno(), 65536)
            if not data:
                return result
            booted = result.pace is not None
            reader.feed(data)
            if not booted and result.pace is not None:
                deadline = time.monotonic() + (self.args.timeout + END_LIMIT) * result.pace
            if result.given_up:
                return result


class Reader:
    """Takes the console apart, line by line."""

    def __init__(self, result: Result) -> None:
        self.result = result
        self.rest = b""
        self.part = "boot"
        self.lines: list[str] = []
        self.said: list[str] = []

    def feed(self, data: bytes) -> None:
        """Takes what came."""
        *lines, self.rest = (self.rest + data).split(b"\n")
        for line in lines:
            self.line(line.decode("utf-8", "replace").rstrip("\r"))

    def line(self, line: str) -> None:
        """Takes a line."""
        if line.startswith("@fence:"):
            self.mark(line.removeprefix("@fence:").split())
        elif self.part == "log":
            self.lines.append(line)
        else:
            self.result.console += line + "\n"
            self.result.given_up |= line.startswith("KVM internal error")
            if self.part == "load" and not KERNEL_LINE.match(line):
                self.said.append(line)
            if self.part == "command" and not KERNEL_LINE.match(line):
                print(line, flush=True)

    def mark(self, words: list[str]) -> None:
        """Takes a line of the init script's."""
        match words:
            case ["pace", pace]:
                self.result.pace = int(pace)
            case ["load"]:
                self.part = "load"
            case ["refused"]:
                self.result.refused = "\n".join(self.said)
            case ["begin"]:
                self.part = "command"
            case ["exit", status]:
                self.result.status = int(status)
                self.part = "after"
            case ["late"]:
                self.result.late = True
            case ["log"]:
                self.part = "log"
            case ["end"]:
                self.result.log = "\n".join(self.lines) + "\n"
                self.result.complete = True
            case _:
                print("scripts/vm: odd line from the guest:", words, file=sys.stderr)

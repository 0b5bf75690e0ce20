# SPDX-License-Identifier: GPL-2.0
"""Runs QEMU, and reads the serial line of the guest."""

import argparse
import base64
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
# A guest that hangs can't print its log. So it panics, and a panic prints the whole log.
STUCK = "panic_console_replay=1 oops=panic softlockup_panic=1 hung_task_panic=1 " \
        "sysctl.kernel.panic_on_rcu_stall=1"
# Time limits in seconds, for a machine of any speed to boot, and for the guest to end after the command.
BOOT_LIMIT = 900
END_LIMIT = 60
HOST = {"x86_64": "x86_64", "aarch64": "arm64"}.get(os.uname().machine)


# A line of the kernel itself on the console. Only a dying kernel prints any.
KERNEL_LINE = re.compile(r"^\[ *\d+\.\d{6}\]")


@dataclasses.dataclass
class Result:
    """The result of a run. `status` is that of the command, or None if the command did not end."""
    status: int | None = None
    log: str = ""
    console: str = ""
    # How many times slower than usual the guest is. Time limits are multiplied by it.
    pace: int | None = None
    timed_out: bool = False
    # The command exceeded its time limit. The guest itself did not hang.
    late: bool = False
    # An archive for each --get, or None if the guest lacks the file.
    files: list[bytes | None] = dataclasses.field(default_factory=list)
    # Processes that the command has left behind and that use the module.
    left: list[str] = dataclasses.field(default_factory=list)
    # The output of insmod, if the module did not load.
    refused: str | None = None
    # QEMU has stopped the guest because of an error, and waits for a debugger.
    given_up: bool = False
    complete: bool = False

    def kernel_log(self) -> str:
        """Returns the kernel's log: the one that the guest sent, or else the one that a panic printed."""
        if self.complete:
            return self.log
        replay = self.console.rfind("[    0.000000] Linux version")
        return self.console[replay:] if replay >= 0 else self.log + self.console


def accelerator(args: argparse.Namespace) -> str:
    """Returns `kvm` if this guest can use it, otherwise `tcg`.

    FENCE_ACCEL overrides the choice. The result of the probe is kept in the cache until
    the next boot of the host.
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
    """Returns the part of QEMU's command line that describes the machine and the kernel."""
    # No LA57: while the kernel identifies the first processor, it clears the bit of this feature for a
    # moment. In an interrupt at that moment, KASAN takes every address for invalid.
    cpu = {"kvm": "host"}.get(accel, "max") + {"x86_64": ",-la57", "arm64": ""}[args.arch]
    # A kernel with this option rewrites its own code and its modules to use shadow call stacks, if the
    # processor has no pointer authentication. Tests of a module must cover this rewriting.
    if accel != "kvm" and has_option(args, "CONFIG_UNWIND_PATCH_PAC_INTO_SCS"):
        cpu += ",pauth=off"
    elif accel != "kvm" and args.arch == "arm64":
        # QEMU's own algorithm for pointer authentication takes far less time than the architected one.
        cpu += ",pauth-impdef=on"
    # On q35, KASAN has no problem with the ACPI _PRT, and virtio devices have no legacy interface.
    kind = {"x86_64": "q35", "arm64": "virt,gic-version=3"}[args.arch]
    return [
        PROGRAMS[args.arch], "-accel", accel, "-M", kind, "-cpu", cpu,
        "-smp", str(args.smp if args.icount is None else 1), "-m", args.memory,
        "-display", "none", "-net", "none", "-no-reboot",
        "-kernel", guest.kernel_image(args),
    ]


def kvm_runs(args: argparse.Namespace) -> bool:
    """Returns whether KVM can run the guest's kernel.

    Boots the kernel without a root file system. The kernel must get as far as the message that it
    cannot mount one. It is not enough that /dev/kvm opens, or that the firmware runs: if KVM itself
    runs in an emulator, the kernel may use an instruction that the emulator lacks.
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
    """Returns the accelerator `tcg`, with one thread for each processor only where that is safe.

    An x86 kernel with JUMP_LABEL rewrites instructions while other processors execute them, and
    protects them by an int3 meanwhile. If QEMU 7.2 translates the int3 at the moment when the kernel
    replaces it, QEMU may execute the int3 later: "Oops: int3", for example in __schedule() after a
    trace event of the scheduler was enabled. With a single thread, this cannot happen.
    """
    if args.arch == "x86_64" and has_option(args, "CONFIG_JUMP_LABEL"):
        return "tcg,thread=single"
    return "tcg"


def die_with_parent() -> None:
    """Makes the host's kernel kill QEMU when this process dies."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


def has_option(args: argparse.Namespace, option: str) -> bool:
    """Returns whether the guest's kernel was built with a boolean option."""
    with open(os.path.join(guest.kernel_build(args), ".config"), encoding="utf-8") as file:
        return f"\n{option}=y\n" in file.read()


def slab_parameters(args: argparse.Namespace) -> str:
    """Returns the parameters with which a kernel that has kmemleak can find leaks.

    Slab caches keep arrays of free objects. An allocation leaves the address of the object in such an
    array, where kmemleak finds it and takes it for a reference (7.3). Caches that check their objects
    have no such arrays.
    """
    return "slab_debug=F" if has_option(args, "CONFIG_DEBUG_KMEMLEAK") else ""


def kunit_parameters(args: argparse.Namespace) -> str:
    """Returns the parameters that skip a suite of the kernel which fails with PREEMPT_RT.

    rust_spinlock_irq_condvar asserts that a SpinLockIrq disables interrupts, and causes a warning.
    With PREEMPT_RT, a SpinLockIrq does not disable interrupts (7.3). The names of the module's suites
    do not begin like the name of this one.
    """
    return "kunit.filter_glob=rust_[!s]*" if has_option(args, "CONFIG_PREEMPT_RT") else ""


class Machine:
    """A guest that is about to run."""

    def __init__(self, args: argparse.Namespace, initrd: str) -> None:
        self.args = args
        # The kernel waits for the first interrupts of the timer, and panics if none arrives. On a busy
        # host, the guest may not run for that long.
        timer = {"x86_64": "no_timer_check", "arm64": ""}[args.arch]
        append = f"console={CONSOLES[args.arch]} {timer} panic=-1 loglevel=1 log_buf_len=8M " \
                 f"kunit.enable=1 printk.devkmsg=on {STUCK} {slab_parameters(args)} " \
                 f"{kunit_parameters(args)} {args.append}"
        # Only TCG can count instructions or run plugins.
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

    def interact(self, folder: str) -> int:
        """Connects the terminal to the guest, and makes the sockets for `scripts/vm attach` in a folder."""
        if not sys.stdin.isatty():
            raise guest.Unavailable("shell needs a terminal; `scripts/vm run -- COMMAND` runs a command")
        lines = ["-serial", "mon:stdio"]
        if self.args.arch == "arm64":
            lines += ["-device", "virtio-serial-pci"]
        for name in ("terminal", "control"):
            lines += ["-chardev", f"socket,id={name},path={folder}/{name},server=on,wait=off"]
            lines += {"x86_64": ["-serial", f"chardev:{name}"],
                      "arm64": ["-device", f"virtconsole,chardev={name}"]}[self.args.arch]
        return subprocess.run([*self.command, *lines], check=False).returncode

    def run(self) -> Result:
        """Runs the guest until its end or the time limit. Prints the output of the command."""
        process = subprocess.Popen(
            [*self.command, "-serial", "stdio", "-monitor", "none"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            # Ctrl-C must not reach QEMU: this process handles it, and then ends QEMU.
            start_new_session=True, preexec_fn=die_with_parent)
        try:
            return self.listen(process)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def listen(self, process: subprocess.Popen[bytes]) -> Result:
        """Reads the serial line, and separates output, status and log."""
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
    """Parses the lines of the console."""

    def __init__(self, result: Result) -> None:
        self.result = result
        self.rest = b""
        self.part = "boot"
        self.lines: list[str] = []
        self.said: list[str] = []
        # Lines that look like the kernel's, until a later line shows that the command has printed them.
        self.held: list[str] = []

    def feed(self, data: bytes) -> None:
        """Receives bytes."""
        *lines, self.rest = (self.rest + data).split(b"\n")
        for line in lines:
            self.line(line.decode("utf-8", "replace").rstrip("\r"))

    def line(self, line: str) -> None:
        """Receives a line."""
        if line.startswith("@fence:"):
            self.mark(line.removeprefix("@fence:").split())
        elif self.part in ("log", "file"):
            self.lines.append(line)
        else:
            self.result.console += line + "\n"
            self.result.given_up |= line.startswith("KVM internal error")
            if self.part == "load" and not KERNEL_LINE.match(line):
                self.said.append(line)
            if self.part == "command":
                self.show(line)

    def show(self, line: str) -> None:
        """Prints a line of the command's output.

        The kernel itself prints lines only when it dies, and then no other line follows. So if a line
        looks like one of the kernel's, and another line or the end of the command follows, then the
        command has printed it, for example `dmesg`.
        """
        self.held.append(line)
        if not KERNEL_LINE.match(line):
            self.show_held()

    def show_held(self) -> None:
        """Prints the lines that were held back."""
        for line in self.held:
            print(line, flush=True)
        self.held.clear()

    def mark(self, words: list[str]) -> None:
        """Receives a line of the init script."""
        match words:
            case ["pace", pace]:
                self.result.pace = int(pace)
            case ["load"]:
                self.part = "load"
            case ["refused"]:
                self.result.refused = "\n".join(self.said)
            case ["begin"]:
                self.part = "command"
            case ["file"]:
                self.part = "file"
            case ["file-end", *missing]:
                archive = base64.b64decode("".join(self.lines))
                self.result.files.append(None if missing else archive)
                self.lines.clear()
                self.part = "after"
            case ["left", *processes]:
                self.result.left += processes
            case ["exit", status]:
                self.show_held()
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

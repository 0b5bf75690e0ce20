# SPDX-License-Identifier: GPL-2.0
"""Checks the series: their form, and the kernel that results from them."""

import fcntl
import filecmp
import os
import re
import shutil
import subprocess
import sys

from fence import kbuild

from . import DATA, TOP, die, git, read, run, say, write
from .form import MODULE_ONLY, ROOTS, SPELLINGS, test_modules, tests, xarray_tests
from .series import SERIES
from .tree import DRIVER, SELFTESTS, TEST_OPTIONS, fresh_copy

# Each architecture, with the name of its kernel's image.
IMAGES = {"x86_64": "bzImage", "arm64": "Image"}
# Where kbuild saves the command that compiles the kernel crate.
SAVED = "rust/.kernel.o.cmd"
# A warning of rustc or clippy, and the file that it is about.
RUST_WARNING = re.compile(r"^warning: .*\n *--> ([^\n:]+):(?:.*\n)*?(?=\n|\Z)", re.M)
# A warning of the C compiler or of bindgen's libclang.
C_WARNING = re.compile(r"^([^\s:]+):\d+:\d+: warning: .*\n(?:.*\n){0,3}", re.M)


def settings() -> dict[str, str]:
    """Returns the settings of a build: the kernel's source, and the compilers."""
    shell = (f". {TOP}/scripts/kernel/cache && printf '%s\\n' "
             f"KSRC=\"$({TOP}/scripts/kernel/get)\" "
             f"RUST_LIB_SRC=\"$({TOP}/scripts/kernel/get --rust-src)\" "
             "BINDGEN=\"$(find_bindgen)\" LLVM=\"$LLVM_SUFFIX\"")
    result = subprocess.run(["bash", "-c", shell, f"{TOP}/scripts/kernel/env"], text=True,
                            stdout=subprocess.PIPE, check=True)
    return dict(line.split("=", 1) for line in result.stdout.splitlines())


def applied(source: str, scratch: str) -> str:
    """Applies the patches to a fresh copy, as a recipient would: a branch for each series."""
    path = f"{scratch}/applied"
    fresh_copy(source, path)
    for series in SERIES:
        git(path, "checkout", "-q", "-b", series.name)
        git(path, "am", "-q", "--whitespace=error", *series.files())
    return path


def checkpatch(source: str, scratch: str) -> None:
    files = [file for series in SERIES for file in series.files()]
    # FILE_PATH_CHANGES wants a change of MAINTAINERS in each patch that adds a file. BIT_MACRO wants
    # BIT(), which a header for user space does not have. The description of a module parameter must
    # be one string, which can exceed the length of a line.
    run("perl", f"{source}/scripts/checkpatch.pl", "--strict", "--no-tree", "--quiet",
        "--show-types", "--no-summary", "--ignore", "FILE_PATH_CHANGES,BIT_MACRO,LONG_LINE_STRING",
        *files, cwd=scratch)
    say(f"checkpatch --strict: {len(files)} patches, clean")


def rustfmt(source: str, path: str) -> None:
    files = git(path, "diff", "--name-only", "--diff-filter=AM", "base", "--", "*.rs").split()
    run("rustfmt", "--edition", "2021", "--config-path", f"{source}/.rustfmt.toml", "--config",
        "skip_children=true", "--check", *(f"{path}/{file}" for file in files))
    say(f"rustfmt: {len(files)} files, clean")


def suites() -> dict[str, list[str]]:
    """Returns the KUnit suites of the series, with their cases."""
    texts = [tests(f"{root}/{name}.rs") for root in ROOTS for name in test_modules(root)]
    found = dict[str, list[str]]()
    for text in [*texts, xarray_tests()]:
        if match := re.search(r"#\[kunit_tests\((\w+)\)\]", text):
            found[match[1]] = re.findall(r"#\[test\]\s+fn (\w+)\(", text)
    return found


class Build:
    """The kernel's tree with the series applied, and a build directory for it. Both are in the cache.

    The tree consists of links to the kernel's source, which this class does not write to, and of
    copies of the files that the series change.
    """

    def __init__(self, tools: dict[str, str], arch: str) -> None:
        self.tools = tools
        self.arch = arch
        self.original = tools["KSRC"]
        cache = f"{os.path.dirname(os.path.dirname(self.original))}/upstream"
        self.source = f"{cache}/src"
        self.changed: list[str] = []
        self.out = f"{cache}/{arch}"
        os.makedirs(self.source, exist_ok=True)
        os.makedirs(self.out, exist_ok=True)
        # Only one process at a time may build here. The lock is held until this process ends.
        fcntl.flock(os.open(f"{cache}/lock", os.O_WRONLY | os.O_CREAT, 0o644), fcntl.LOCK_EX)

    def lay_out(self, path: str) -> None:
        """Makes the tree contain the files of the repository at `path`, and links for the rest."""
        names = git(path, "ls-files").split()
        self.changed = git(path, "diff", "--name-only", "base").split()
        folders = {"", *(os.path.dirname(name)[:end] for name in names
                         for end in [match.start() for match in re.finditer("/", name)])}
        files = set(names)
        for folder in sorted(folders):
            self.lay_out_folder(folder, folders, files)
        for name in names:
            to = f"{self.source}/{name}"
            if os.path.islink(to):
                os.remove(to)
            # An equal file is not copied: its time must not change, because make would rebuild.
            if not (os.path.exists(to) and filecmp.cmp(f"{path}/{name}", to, shallow=False)):
                shutil.copy(f"{path}/{name}", to)

    def lay_out_folder(self, folder: str, folders: set[str], files: set[str]) -> None:
        at, theirs = f"{self.source}/{folder}", f"{self.original}/{folder}"
        if os.path.islink(at.rstrip("/")):
            os.remove(at.rstrip("/"))
        os.makedirs(at, exist_ok=True)
        there = set(os.listdir(theirs)) if os.path.isdir(theirs) else set()
        for entry in there | set(os.listdir(at)):
            name = f"{folder}/{entry}".lstrip("/")
            if name in folders or name in files:
                continue
            link, target = f"{self.source}/{name}", f"{self.original}/{name}"
            if os.path.islink(link) and os.readlink(link) == target and entry in there:
                continue
            # A link to another kernel, or a file that an earlier version of the series had.
            if os.path.isdir(link) and not os.path.islink(link):
                shutil.rmtree(link)
            elif os.path.lexists(link):
                os.remove(link)
            if entry in there:
                os.symlink(target, link)

    def command(self, *targets: str, source: str = "", out: str = "") -> list[str]:
        return ["make", f"-j{os.cpu_count()}", "-C", source or self.source,
                f"O={out or self.out}", f"ARCH={self.arch}", *(f"{name}={self.tools[name]}"
                                  for name in ("LLVM", "RUST_LIB_SRC", "BINDGEN")), *targets]

    def make(self, *targets: str, env: dict[str, str] | None = None) -> str:
        log = f"{self.out}/upstream.log"
        with open(log, "w", encoding="utf-8") as file:
            result = subprocess.run(self.command(*targets), stdout=file, stderr=subprocess.STDOUT,
                                    check=False, env={**os.environ, **(env or {})})
        text = read(log)
        if result.returncode:
            print(text[-8000:], file=sys.stderr)
            die(f"the kernel with the series doesn't build; the whole log: {log}")
        return text

    def configure(self) -> None:
        asked = "".join(read(f"{DATA}/{name}.config") for name in ("base", self.arch))
        asked += "".join(f"CONFIG_RUST_{name}_KUNIT_TEST=y\n" for name in TEST_OPTIONS)
        file, done = f"{self.out}/asked.config", f"{self.out}/asked"
        if not os.path.exists(done) or read(done) != asked:
            write(file, asked)
            self.make("allnoconfig", env={"KCONFIG_ALLCONFIG": file})
            # Written last, so that an interrupted run does not count as configured.
            write(done, asked)
        have = read(f"{self.out}/.config").splitlines()
        if lost := [line for line in asked.splitlines()
                    if re.fullmatch("CONFIG_.*=[ym]", line) and line not in have]:
            die("the configuration lacks:", *lost)

    def warnings(self, log: str, changed: list[str]) -> list[str]:
        """Returns the warnings about some files of the tree. Others are not the series' business."""
        return [match[0] for pattern in (RUST_WARNING, C_WARNING) for match in pattern.finditer(log)
                if any(f"/{match[1]}".endswith(f"/{name}") for name in changed)]

    def build(self, path: str) -> None:
        """Builds the files that the series change, and their users, but no kernel image."""
        self.lay_out(path)
        self.configure()
        log = self.make("W=1", "CLIPPY=1", "prepare", "rust/doctests_kernel_generated.o",
                        "rust/doctests_kernel_generated_kunit.o",
                        "drivers/android/binder/rust_binder_main.o", f"{DRIVER}/")
        if warnings := self.warnings(log, self.changed):
            print(*warnings, sep="\n", file=sys.stderr)
            # make would not compile these files again, and would print no warning the next time.
            for name in self.changed:
                if f"{name}:" in "".join(warnings):
                    os.utime(f"{self.source}/{name}")
            die("the kernel with the series builds with warnings")
        doctests = read(f"{self.out}/rust/doctests_kernel_generated_kunit.c")
        ours_there = re.findall(
            r"KUNIT_CASE\(rust_doctest_kernel_((?:dma_buf|sync_rcu|xarray|miscdevice)_\w+)\)",
            doctests)
        with open(f"{self.out}/rust/kernel.o", "rb") as file:
            crate = file.read()
        if lost := [suite for suite in suites() if suite.encode() not in crate]:
            die("not in rust/kernel.o:", *lost)
        say(f"built: the kernel crate with {len(suites())} suites of the series, Binder, the driver, "
            f"and {doctests.count('KUNIT_CASE(')} examples of documentation, {len(ours_there)} of "
            "them of the series")

    def rustdoc(self, scratch: str) -> None:
        """Runs rustdoc on the crate. A broken link is an error."""
        crate = kbuild.crate(f"{self.out}/{SAVED}")
        run(os.environ.get("RUSTDOC", "rustdoc"), *crate.flags, "--crate-name", "kernel",
            "--output", f"{scratch}/doc", "-Zunstable-options",
            "-Cunsafe-allow-abi-mismatch=fixed-x18", "-Dwarnings", crate.source, cwd=self.out,
            env={**os.environ, "RUSTC_BOOTSTRAP": "1", **crate.environment})
        say("rustdoc: no warning")


def differences() -> None:
    """Prints what differs between this tree and the kernel's tree with the series applied."""
    print("Not in the series:")
    for name, why in MODULE_ONLY.items():
        print(f"  rust/kernel/{name}: {why}")
    print("\nAt another place:")
    for here, there in (
            ("rust/helpers/helpers.c", "rust/helpers/*.c: each shim at its subject"),
            ("rust/bindings/", "rust/bindings/bindings_helper.h"),
            ("rust/kernel/sync/poll.rs", "rust/kernel/sync/file_poll.rs"),
            ("rust/kernel/miscdevice.rs", "rust/kernel/miscdevice/poll.rs"),
            ("rust/kernel/str.rs", "rust/kernel/str/array.rs"),
            ("rust/kernel/task.rs", "rust/kernel/task/name.rs"),
            ("rust/helpers/timeline_trace.h", "include/trace/events/fence_exporter.h"),
            ("rust/uapi/", f"{DRIVER}/uapi/"),
            ("Kbuild", f"{DRIVER}/Makefile"),
            ("tests/selftests/", f"{SELFTESTS}/")):
        print(f"  {here}: {there}")
    print("\nWritten in another way:")
    for where, old, new, why in SPELLINGS:
        print(f"  {where}: {old.strip().splitlines()[0].removeprefix('re:')!r} is "
              f"{new.strip().splitlines()[-1]!r}: {why}")
    print("\nChanged in the kernel's own files:")
    for name in sorted(os.listdir(DATA)):
        if name.endswith(".diff"):
            text = read(f"{DATA}/{name}")
            count = len(re.findall(r"^[-+](?![-+])", text, re.M))
            print(f"  {', '.join(re.findall(r'^[+]{3} b/(.*)$', text, re.M))}: {count} lines, {name}")
    print("\nTests: the numbers of hazards are left out of comments and of names of cases.")

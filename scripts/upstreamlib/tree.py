# SPDX-License-Identifier: GPL-2.0
"""A copy of the files of the kernel's tree that the series change. The series are made in it."""

import os
import re
import shutil

from . import DATA, TOP, die, found, git, read, replace_once, run, write
from .form import (
    HELPER_INCLUDES,
    HELPERS,
    MODULE_ONLY,
    dma_buf_files,
    files_below,
    helper_functions,
    module_root,
    plain,
    spelled,
    test_modules,
    tests,
    xarray_tests,
)

DRIVER = "drivers/dma-buf/fence_exporter"
HEADER = "include/uapi/linux/fence_exporter.h"
EVENTS = "include/trace/events/fence_exporter.h"
SELFTESTS = "tools/testing/selftests/fence_exporter"
IOCTL_NUMBERS = "Documentation/userspace-api/ioctl/ioctl-number.rst"
DOCUMENT = "Documentation/userspace-api/fence_exporter.rst"
# The parts of the kernel's source that the series change.
CHANGED = ("rust", "MAINTAINERS", "drivers/dma-buf/Kconfig", "drivers/dma-buf/Makefile",
           IOCTL_NUMBERS, "Documentation/userspace-api/index.rst",
           "tools/testing/selftests/Makefile")
# Our entry in the list of ioctl numbers: type, first and last number, header. The list requires
# blocks of at least 32 numbers.
OUR_NUMBERS = (0xB9, 0x00, 0x1F, "uapi/linux/fence_exporter.h")

TEST_OPTIONS = {
    "RCU": ("the RCU boxes", []),
    "DMA_BUF": ("dma-fence", ["SYNC_FILE"]),
}
# Modules of sync/rcu in the order of the patches, and their suites.
RCU_BOX = ("allocator", "foreign", "barrier", "drop_after_gp", "rcu_box")
RCU_FREE_BOX = ("free_safe", "free_box")
RCU_VIEW = ("view", "once")
VIEW_TESTS = "view_tests"
# The modules of dma_buf by patch. All other modules belong to the patch `timeline`.
DMA_BUF = {"fence": ("fence",), "sync-file": ("sync_file",), "signalling": ("signalling",),
           "waiter": ("module_ref", "callbacks", "waiter"), "trace": ("trace",)}


def fresh_copy(source: str, path: str) -> None:
    """Copies CHANGED from the kernel's source to a new repository, with our user name and address."""
    for name in CHANGED:
        os.makedirs(os.path.dirname(f"{path}/{name}"), exist_ok=True)
        if os.path.isdir(f"{source}/{name}"):
            shutil.copytree(f"{source}/{name}", f"{path}/{name}", symlinks=True)
        else:
            shutil.copy(f"{source}/{name}", f"{path}/{name}")
    run("chmod", "-R", "u+w", path)
    run("git", "init", "-q", "-b", "base", path)
    for key in ("user.name", "user.email"):
        git(path, "config", key, run("git", "-C", TOP, "config", key).strip())
    # A fixed date, so that the same series gets the same commit hashes each time.
    date = run("git", "-C", TOP, "log", "-1", "--format=%cI", "--", "rust", "drivers", "include",
               "tests/selftests", "scripts/upstream.d", "scripts/upstreamlib").strip()
    os.environ["GIT_COMMITTER_DATE"] = os.environ["GIT_AUTHOR_DATE"] = date
    git(path, "add", "-A", "-f", ".")
    git(path, "commit", "-q", "-m", f"What is changed of {os.path.basename(source)}")


def insert_sorted(text: str, line: str, like: str) -> str:
    """Inserts a line among sorted lines that match `like`: after the last one that is smaller."""
    if line in text:
        return text
    matches = list(re.finditer(f"^{like}", text, re.M))
    # The first of these lines may be out of order, so the place is after the last smaller one.
    after = [match for match in matches if match[0] < line]
    place = after[-1].end() if after else matches[0].start()
    return text[:place] + line + text[place:]


def check_numbers(text: str) -> None:
    """Compares OUR_NUMBERS with our header, and checks that the kernel's list does not have them yet."""
    kind, first, last, name = OUR_NUMBERS
    header = read(f"{TOP}/include/{name}")
    magic = found(r"^#define FENCE_EXPORTER_IOC_MAGIC\s+(\w+)$", header, re.M)[1]
    numbers = [int(number)
               for number in re.findall(r"_IO[WR]*\(FENCE_EXPORTER_IOC_MAGIC, (\d+),", header)]
    if int(magic, 0) != kind or not first <= min(numbers) <= max(numbers) <= last:
        die(f"{name}: has {numbers} of type {magic}, which differ from OUR_NUMBERS")
    if taken := re.findall(rf"^0x{kind:02X} .*", text, re.M | re.I):
        die(f"{IOCTL_NUMBERS}: another entry has our type:", *taken)


class Tree:
    """The copy, and which modules and suites the patches have added to it so far."""

    def __init__(self, path: str, source: str) -> None:
        self.path = path
        self.source = source
        self.rcu: list[str] = []
        self.rcu_suites: list[str] = []
        self.dma_buf: list[str] = []
        self.dma_buf_suites: list[str] = []
        self.rcu_base = read(f"{source}/rust/kernel/sync/rcu.rs")

    def edit(self, name: str, old: str, new: str) -> None:
        """Replaces a text that a file must contain exactly once."""
        path = f"{self.path}/{name}"
        write(path, replace_once(read(path), old, new, name))

    def add(self, name: str, text: str) -> None:
        write(f"{self.path}/{name}", text)

    def add_line(self, name: str, line: str, like: str) -> None:
        """Adds a line to a file, among the sorted lines that match `like`."""
        path = f"{self.path}/{name}"
        write(path, insert_sorted(read(path), line, like))

    def apply(self, diff: str) -> None:
        git(self.path, "apply", f"{DATA}/{diff}")

    def format(self) -> None:
        """Formats the changed files: a name of another length can change where lines break."""
        git(self.path, "add", "-A", "-f", ".")
        names = git(self.path, "diff", "--cached", "--name-only", "--diff-filter=AM", "--", "*.rs")
        if names:
            run("rustfmt", "--edition", "2021", "--config-path", f"{self.source}/.rustfmt.toml",
                "--config", "skip_children=true",
                *(f"{self.path}/{name}" for name in names.split()))

    # ---- Shims and bindings

    def helpers(self, *paths: str) -> None:
        """Adds the shims that these files use, and the headers that the shims include."""
        sources = "".join(plain(path) for path in paths)
        for names, chunk in helper_functions():
            used = [name for name in names if re.search(rf"\bbindings::{name}\b", sources)]
            if not used:
                continue
            file = next((file for prefix, file in HELPERS if names[0].startswith(prefix)), None)
            if not file:
                die(f"rust/helpers/helpers.c: HELPERS names no file for {names[0]}")
            path = f"{self.path}/rust/helpers/{file}"
            if os.path.exists(path):
                text = read(path)
                if f"rust_helper_{names[0]}(" in text:
                    continue
            else:
                text = ("// SPDX-License-Identifier: GPL-2.0\n\n"
                        + "".join(f"#include <{name}>\n" for name in HELPER_INCLUDES[file]))
                self.add_helper_file(file)
            for name in HELPER_INCLUDES.get(file, ()):
                if f"#include <{name}>\n" not in text:
                    last = list(re.finditer(r"^#include .*\n", text, re.M))[-1].end()
                    text = text[:last] + f"#include <{name}>\n" + text[last:]
            write(path, text + "\n" + chunk)

    def add_helper_file(self, file: str) -> None:
        if file == "dma_fence.c":
            self.edit("rust/helpers/helpers.c", '#ifdef CONFIG_DMA_SHARED_BUFFER\n',
                      f'#ifdef CONFIG_DMA_SHARED_BUFFER\n#include "{file}"\n')
        elif file == "sync_file.c":
            self.edit("rust/helpers/helpers.c", '#include "sync.c"\n',
                      f'#include "sync.c"\n#ifdef CONFIG_SYNC_FILE\n#include "{file}"\n#endif\n')
        else:
            self.add_line("rust/helpers/helpers.c", f'#include "{file}"\n', r'#include "[a-z]+\.c"\n')

    def bindings(self, *includes: str) -> None:
        for name in includes:
            self.add_line("rust/bindings/bindings_helper.h", f"#include <{name}>\n",
                          r"#include <linux/[a-z0-9_-]+\.h>\n")

    def test_option(self, name: str) -> None:
        """Adds the Kconfig option of a suite."""
        what, dependencies = TEST_OPTIONS[name]
        path = f"{self.path}/rust/kernel/Kconfig.test"
        depends = "".join(f"\tdepends on {option}\n" for option in dependencies)
        entry = (f"config RUST_{name}_KUNIT_TEST\n"
                 f'\tbool "KUnit tests for Rust {what} API" if !KUNIT_ALL_TESTS\n{depends}'
                 "\tdefault KUNIT_ALL_TESTS\n\thelp\n"
                 f"\t  This option enables KUnit tests for the Rust API of {what}.\n"
                 "\t  These are only for development and testing, not for regular\n"
                 "\t  kernel use cases.\n\n\t  If unsure, say N.\n\n")
        text = read(path)
        place = text.rindex("endif\n")
        write(path, text[:place] + entry + text[place:])

    # ---- Modules of the kernel crate

    def add_rcu(self, *modules: str, suites: tuple[str, ...] = ()) -> None:
        """Adds modules and suites of sync/rcu, and names them in sync/rcu.rs."""
        for module in modules:
            self.add(f"rust/kernel/sync/rcu/{module}.rs", plain(f"sync/rcu/{module}.rs"))
        self.rcu += modules
        self.rcu_suites += suites
        text = self.rcu_base
        own_docs, items = module_root(plain("sync/rcu.rs"), self.rcu, "RCU", self.rcu_suites)
        if "free_box" in self.rcu:
            start = text.index("//!")
            text = text[:start] + own_docs.rstrip("\n") + text[text.index("\n\nuse "):]
        use = found(r"^use crate::.*?;\n", text, re.M | re.S)
        items, cfg, test_items = items.partition("\n#[cfg(CONFIG_RUST_")
        text = text[:use.end()] + "\n" + items + text[use.end():] + cfg + test_items
        self.add("rust/kernel/sync/rcu.rs", text)

    def add_dma_buf(self, *modules: str, suites: tuple[str, ...] = ()) -> None:
        """Adds modules and suites of dma_buf, and names them in dma_buf.rs."""
        for module in modules:
            self.add(f"rust/kernel/dma_buf/{module}.rs", plain(f"dma_buf/{module}.rs"))
        if not self.dma_buf:
            self.edit("rust/kernel/lib.rs", "pub mod dma;\n",
                      "pub mod dma;\n#[cfg(CONFIG_DMA_SHARED_BUFFER)]\npub mod dma_buf;\n")
        self.dma_buf += modules
        self.dma_buf_suites += suites
        docs, items = module_root(plain("dma_buf.rs"), self.dma_buf, "DMA_BUF",
                                  self.dma_buf_suites)
        # sync_file has a Kconfig option of its own.
        items = re.sub(r"^mod sync_file;\n", "#[cfg(CONFIG_SYNC_FILE)]\nmod sync_file;\n", items,
                       flags=re.M)
        if "sync_file::SyncFile" in items:
            items = re.sub(r"^ *sync_file::SyncFile,( //)?\n", "", items, flags=re.M)
            items = re.sub(r"(^pub use self::\{\n.*?^\};\n|^pub use self::[^;]*;\n)",
                           r"\1\n#[cfg(CONFIG_SYNC_FILE)]\npub use self::sync_file::SyncFile;\n",
                           items, count=1, flags=re.M | re.S)
        if "timeline" not in self.dma_buf:
            lines = docs.split("\n")
            docs = "\n".join([lines[0], "//!",
                              *lines[next(i for i, line in enumerate(lines)
                                          if line.startswith("//! C header")):]])
        self.add("rust/kernel/dma_buf.rs", f"// SPDX-License-Identifier: GPL-2.0\n\n{docs}\n{items}")

    def extend(self, module: str, name: str) -> None:
        """Adds the items of the overlay's module as a submodule `name` of the kernel's own module."""
        text = plain(f"{module}.rs")
        text = re.sub(r"^#\[doc\(no_inline\)\]\npub use ::kernel::[^\n]*\n", "use super::*;\n", text,
                      flags=re.M)
        items = sorted(re.findall(r"^pub (?:const )?(?:fn|struct|trait|const) (\w+)", text, re.M),
                       key=lambda item: (item.isupper(), item[0].isupper(), item))
        self.add(f"rust/kernel/{module}/{name}.rs", re.sub(r"\n{3,}", "\n\n", text))
        path = f"rust/kernel/{module}.rs"
        own = read(f"{self.path}/{path}")
        last = found(r"^(?:pub )?use (?:[^;]|\n)*?;\n", own, re.M).start()
        use = ("pub use self::" + f"{name}::" + (items[0] if len(items) == 1
                                                  else "{" + ", ".join(items) + "}") + ";\n")
        self.add(path, own[:last] + f"mod {name};\n{use}\n" + own[last:])

    # ---- The patches

    def rcu_box(self) -> None:
        self.add_rcu(*RCU_BOX)
        self.helpers("sync/rcu/barrier.rs")

    def rcu_suite(self) -> None:
        names = [name for name in test_modules("sync/rcu") if name != VIEW_TESTS]
        for name in names:
            self.add(f"rust/kernel/sync/rcu/{name}.rs", tests(f"sync/rcu/{name}.rs"))
        self.add("rust/kernel/sync/rcu/xarray_tests.rs", xarray_tests())
        self.add_rcu(suites=(*names, "xarray_tests"))
        self.test_option("RCU")

    def rcu_view(self) -> None:
        self.add_rcu(*RCU_VIEW)

    def view_suite(self) -> None:
        self.add(f"rust/kernel/sync/rcu/{VIEW_TESTS}.rs", tests(f"sync/rcu/{VIEW_TESTS}.rs"))
        self.add_rcu(suites=(VIEW_TESTS,))

    def fence_helpers(self) -> None:
        self.helpers(*(f"dma_buf/{name}.rs" for name in dma_buf_files() if name != "trace"))
        self.bindings("linux/dma-fence.h", "linux/sync_file.h")

    def timeline(self) -> None:
        apart = {name for names in DMA_BUF.values() for name in names}
        self.add_dma_buf(*(name for name in dma_buf_files() if name not in apart))
        # Only the trace events use this function: their patch adds it.
        path = f"{self.path}/rust/kernel/dma_buf/ops.rs"
        text, count = re.subn(r"\n(?: +(?:///|#\[)[^\n]*\n)*"
                              r"    pub\(super\) fn as_raw\(&self\).*?\n    }\n", "",
                              read(path), count=1, flags=re.S)
        if not count:
            die("dma_buf/ops.rs: TracedFence has no as_raw()")
        write(path, text)

    def dma_buf_suite(self) -> None:
        names = test_modules("dma_buf")
        for name in names:
            self.add(f"rust/kernel/dma_buf/{name}.rs", tests(f"dma_buf/{name}.rs"))
        self.add_dma_buf(suites=tuple(names))
        self.test_option("DMA_BUF")

    def task(self) -> None:
        self.helpers("task.rs")
        self.extend("task", "name")

    def taint(self) -> None:
        self.helpers("taint.rs")
        self.bindings("linux/panic.h")
        self.add("rust/kernel/taint.rs", plain("taint.rs"))
        self.add_line("rust/kernel/lib.rs", "pub mod taint;\n", r"pub mod [a-z_0-9]+;\n")

    def file_poll(self) -> None:
        self.helpers("sync/poll.rs", "miscdevice.rs")
        self.add("rust/kernel/sync/file_poll.rs", plain("sync/poll.rs"))
        self.add_line("rust/kernel/sync.rs", "pub mod file_poll;\n", r"pub mod [a-z_]+;\n")
        self.extend("miscdevice", "poll")

    def trace(self) -> None:
        text = read(f"{TOP}/rust/helpers/timeline_trace.h")
        head = found(r"/\*\n \* Trace events.*?\*/\n", text, re.S)[0]
        text = (text.replace(head, "").replace("_TIMELINE_TRACE_H", "_TRACE_FENCE_EXPORTER_H")
                .replace("TRACE_INCLUDE_PATH .\n", "").replace("#undef \n", ""))
        text = re.sub(r"#undef TRACE_INCLUDE_PATH.*?(?=#include <trace/define)", "", text, flags=re.S)
        text = text.replace("\n#if !defined", "\n#undef TRACE_SYSTEM\n#define TRACE_SYSTEM "
                            "fence_exporter\n\n#if !defined", 1)
        self.add(EVENTS, re.sub(r"\n{3,}", "\n\n", text))
        self.add_line("rust/bindings/bindings_helper.h", "#include <trace/events/fence_exporter.h>\n",
                      r"#include <trace/events/[a-z_]+\.h>\n")
        self.add("rust/kernel/dma_buf/ops.rs", plain("dma_buf/ops.rs"))
        self.add_dma_buf(*DMA_BUF["trace"])

    def abi(self) -> None:
        self.add(HEADER, read(f"{TOP}/{HEADER}"))
        path = f"{self.path}/{IOCTL_NUMBERS}"
        text = read(path)
        check_numbers(text)
        kind, first, last, name = OUR_NUMBERS
        entry = f"0x{kind:02X}  {first:02X}-{last:02X}  {name}"
        lines = text.splitlines(keepends=True)
        place = next(index for index, line in enumerate(lines)
                     if re.match("0x[0-9A-F]{2} ", line) and line > entry)
        lines.insert(place, f"{entry}\n")
        write(path, "".join(lines))

    def driver(self) -> None:
        for name in files_below(DRIVER):
            if name.endswith(".rs"):
                self.add(f"{DRIVER}/{name}", plain(f"{DRIVER}/{name}"))
        self.add(f"{DRIVER}/trace.c", re.sub(
            r"#define TRACE_SYSTEM .*\n", "", read(f"{TOP}/{DRIVER}/trace.c")).replace(
                "<timeline_trace.h>", "<trace/events/fence_exporter.h>"))
        self.add(f"{DRIVER}/uapi/lib.rs",
                 spelled(read(f"{TOP}/rust/uapi/lib.rs"), f"{DRIVER}/uapi/lib.rs"))
        self.add(f"{DRIVER}/uapi/sw_sync.h", read(f"{TOP}/rust/uapi/sw_sync.h"))
        self.add(f"{DRIVER}/uapi/uapi_helper.h",
                 replace_once(read(f"{TOP}/rust/uapi/uapi_helper.h"),
                              '"../../include/uapi/linux/fence_exporter.h"',
                              "<uapi/linux/fence_exporter.h>", "rust/uapi/uapi_helper.h"))
        self.add(f"{DRIVER}/Makefile", read(f"{DATA}/driver.make"))
        kconfig = read(f"{TOP}/Kconfig")
        self.add(f"{DRIVER}/Kconfig", kconfig[:kconfig.index("config FENCE_EXPORTER_KUNIT_TEST")]
                 .rstrip("\n") + "\n")
        self.edit("drivers/dma-buf/Kconfig", 'source "drivers/dma-buf/heaps/Kconfig"\n',
                  'source "drivers/dma-buf/fence_exporter/Kconfig"\n'
                  'source "drivers/dma-buf/heaps/Kconfig"\n')
        self.edit("drivers/dma-buf/Makefile", "obj-$(CONFIG_SYNC_FILE)\t",
                  "obj-$(CONFIG_FENCE_EXPORTER)\t+= fence_exporter/\nobj-$(CONFIG_SYNC_FILE)\t")
        name, mail = (git(self.path, "config", key).strip() for key in ("user.name", "user.email"))
        entry = (f"FENCE EXPORTER (FENCES THAT USER SPACE SIGNALS)\nM:\t{name} <{mail}>\n"
                 "L:\tlinux-media@vger.kernel.org\nL:\tdri-devel@lists.freedesktop.org\n"
                 f"S:\tMaintained\nF:\t{DOCUMENT}\nF:\t{DRIVER}/\nF:\t{EVENTS}\nF:\t{HEADER}\n"
                 f"F:\t{SELFTESTS}/\n\n")
        text = read(f"{self.path}/MAINTAINERS")
        sections = [match for match in re.finditer(r"^([A-Z0-9][^\n:]*)\n[A-Z]:\t", text, re.M)
                    if match[1] > entry[:14]]
        # Some sections before that of FCOE are out of order, so look only at those after it.
        after = next(match for match in sections if match.start() > text.index("\nFCOE "))
        write(f"{self.path}/MAINTAINERS", text[:after.start()] + entry + text[after.start():])

    def selftests(self) -> None:
        for name in files_below("tests/selftests"):
            text = read(f"{TOP}/tests/selftests/{name}")
            if name == "Makefile":
                # This comment only tells where the directory would be in a kernel tree.
                text = re.sub(r"#\n# For a kernel tree:(?:.*\n)*?\n", "\n", text, count=1)
            self.add(f"{SELFTESTS}/{name}", text)
        self.add(f"{SELFTESTS}/.gitignore", "# SPDX-License-Identifier: GPL-2.0-only\n" + "".join(
            sorted(f"{name[:-2]}\n" for name in files_below("tests/selftests")
                   if name.startswith("test_") and name.endswith(".c"))) + "uapi_fields.h\n")
        self.add_line("tools/testing/selftests/Makefile", "TARGETS += fence_exporter\n",
                      r"TARGETS \+= [a-z][a-z0-9_/-]*\n")

    def document(self) -> None:
        self.add(DOCUMENT, read(f"{DATA}/fence_exporter.rst"))
        self.edit("Documentation/userspace-api/index.rst", "   dma-buf-alloc-exchange\n",
                  "   dma-buf-alloc-exchange\n   fence_exporter\n")

    def complete(self) -> None:
        """Checks that every file of rust/kernel is in the series, or has a reason in MODULE_ONLY."""
        there = {*files_below("rust/kernel")}
        known = {f"sync/rcu/{name}.rs" for name in (*self.rcu, *self.rcu_suites)}
        known |= {f"dma_buf/{name}.rs" for name in (*self.dma_buf, *self.dma_buf_suites)}
        known |= {"sync/rcu.rs", "dma_buf.rs", "sync/poll.rs", "miscdevice.rs", "str.rs", "task.rs",
                  "taint.rs", *MODULE_ONLY}
        known -= {"sync/rcu/xarray_tests.rs"}
        if lost := sorted(there - known):
            die("neither in the series nor in MODULE_ONLY:", *lost)
        if gone := sorted(known - there):
            die("not in rust/kernel any more:", *gone)

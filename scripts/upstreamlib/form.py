# SPDX-License-Identifier: GPL-2.0
"""Converts files from the form that they have in this tree to the one for the kernel's tree."""

import os
import re

from . import TOP, die, found, read

# The files of rust/kernel that are not in the series, with the reasons.
MODULE_ONLY = {
    "lib.rs": "joins the overlay and the kernel crate",
    "sync.rs": "joins the overlay and the kernel crate",
    "unlisted_tests.rs": "tests functions that only the link of an out-of-tree module replaces",
    "sync/rcu/table.rs": "a lookup without a lock is a method of XArray in the tree",
    "sync/rcu/table_tests.rs": "becomes the test of that method",
    "sync/rcu/pointer.rs": "no user in the series: a sample for vendors uses it",
    "sync/rcu/pointer_tests.rs": "no user in the series: a sample for vendors uses it",
    "sync/rcu/negative.rs": "breaks rules on purpose",
    "dma_buf/negative.rs": "breaks rules on purpose",
    "dma_buf/negative_calls.rs": "breaks rules on purpose",
}

# Texts that are written in another way in the kernel's tree: a regular expression of paths below
# rust/kernel or drivers, the old text, the new text, and the reason. A file without the old text is
# not changed.
SPELLINGS = (
    (r"dma_buf/.*",
     """        // SAFETY: `Flags` is one `gfp_t`, and nothing else since it has its size. Its own `as_raw`
        // is for the `kernel` crate only.
        let flags = unsafe { core::mem::transmute::<Flags, bindings::gfp_t>(flags) };
""", """        let flags = flags.as_raw();
""",
     "code of the kernel crate may call as_raw()"),
    (r"(sync/poll|sync/rcu/view_tests|miscdevice)\.rs|drivers/.*",
     r"re:(?<!wake_up_)(?<!::)\bpoll::(?=\{|PollTable|PollCondVar)", "file_poll::",
     "the tree's sync::poll is for Binder: its conditions wait for a grace period when they are "
     "dropped. These belong to a file, and need not wait"),
    (r"(sync/poll|sync/rcu/view_tests|miscdevice)\.rs|drivers/.*",
     r"re:\bsync::poll\b", "sync::file_poll", "the same"),
    (r"(sync/poll|sync/rcu/view_tests|miscdevice)\.rs|drivers/.*",
     "new_poll_condvar", "new_file_condvar", "macros of the crate share one name space"),
    (r"drivers/.*/uapi/lib\.rs", '"/rust/uapi/uapi_generated.rs"', '"/uapi/uapi_generated.rs"',
     "the crate of the ABI is built beside the driver"),
    (r"dma_buf/trace\.rs",
     """//! The events are defined in `rust/helpers/timeline_trace.h`. A C file of the driver creates them,
//! under a trace system of the driver's own. The driver's implementation of [`FenceOps`] calls
//! these functions:""",
     """//! The events are defined in `include/trace/events/fence_exporter.h`. A C file of the driver
//! creates them, under a trace system of the driver's own. The driver's implementation of
//! [`FenceOps`] calls these functions:""", "where the tree keeps events"),
)

# Characters of drawings, as ASCII: checkpatch counts the length of a line in bytes.
ASCII = str.maketrans("─│┌┐└┘├┤►…", "-|++++++>.")

# The file of rust/helpers for each shim, by the beginning of the shim's name.
HELPERS = (
    ("dma_fence_", "dma_fence.c"),
    ("trace_dma_fence_", "dma_fence.c"),
    ("sync_file_", "sync_file.c"),
    ("list_", "list.c"),
    ("spin_", "spinlock.c"),
    ("local_", "interrupt.c"),
    ("rb_", "rbtree.c"),
    ("try_module_get", "module.c"),
    ("module_put", "module.c"),
    ("module_text", "module.c"),
    ("get_current_comm", "task.c"),
    ("current_tgid_vnr", "task.c"),
    ("add_taint", "panic.c"),
    ("kiocb_", "fs.c"),
    ("wake_up_pollfree", "wait.c"),
    ("compat_ptr", "compat.c"),
)
HELPER_INCLUDES = {
    "compat.c": ["linux/compat.h"],
    "dma_fence.c": ["linux/dma-fence.h", "linux/slab.h", "trace/events/dma_fence.h"],
    "module.c": ["linux/module.h", "asm/sections.h"],
    "panic.c": ["linux/panic.h"],
    "sync_file.c": ["linux/sync_file.h"],
    "task.c": ["linux/pid.h", "linux/sched/signal.h", "linux/string.h"],
    "wait.c": ["linux/wait.h"],
}

# The `mod` line of a file of KUnit cases, in the root of its module.
TEST_MODULE = re.compile(r"\n*^#\[cfg\(CONFIG_KERNEL_OVERLAY_KUNIT_TEST\)\]\nmod (\w+);\n", re.M)
ROOTS = ("sync/rcu", "dma_buf")


def ours(path: str) -> str:
    """Returns the text of a file below rust/kernel, or of drivers/…."""
    return read(f"{TOP}/{path}" if path.startswith("drivers/") else f"{TOP}/rust/kernel/{path}")


def without_cfg(text: str, option: str) -> str:
    """Returns a text without the items that depend on an option, and without their comments.

    The option is one that only the module has.
    """
    lines, kept = text.split("\n"), list[str]()
    index = 0
    while index < len(lines):
        line = lines[index]
        if line.strip() != f"#[cfg({option})]":
            kept.append(line)
            index += 1
            continue
        indent = line[:len(line) - len(line.lstrip())]
        while kept and kept[-1].startswith(f"{indent}///"):
            kept.pop()
        index += 1
        while not (lines[index].startswith(f"{indent}}}")
                   or (lines[index].startswith(indent) and lines[index].endswith(";")
                       and not lines[index].startswith(f"{indent} "))):
            index += 1
        index += 1
        if kept and index < len(lines) and kept[-1] == lines[index] == "":
            index += 1
    return "\n".join(kept)


def spelled(text: str, path: str) -> str:
    """Returns a text as it is written in the kernel's tree."""
    for where, old, new, _ in SPELLINGS:
        if not re.fullmatch(where, path):
            continue
        text = (re.sub(old.removeprefix("re:"), new, text) if old.startswith("re:")
                else text.replace(old, new))
    return text.translate(ASCII)


def plain(path: str) -> str:
    """Returns a file as it is in the kernel's tree."""
    text = without_cfg(ours(path), "CONFIG_KERNEL_OVERLAY_NEGATIVE_TEST")
    return spelled(without_cfg(text, "CONFIG_FENCE_EXPORTER_SYNCHRONIZE_RCU"), path)


def tests(path: str) -> str:
    """Returns a file of KUnit cases without the numbers of hazards, which only our docs/ explains."""
    text = plain(path)
    text = re.sub(r"\n*^//! KUnit tests of ([^.]*)\.[^\n]*$", r"\n\n//! KUnit tests of \1.", text,
                  flags=re.M)
    text = re.sub(r"// Hazards? \d+(?:(?:,| and) \d+)*: (.)", lambda m: "// " + m[1].upper(), text)
    text = re.sub(r"\bfn hazard_(?:\d+_)(?:and_\d+_)*", "fn ", text)
    names = re.findall(r"#\[test\]\n\s*fn (\w+)", text)
    if twice := sorted({name for name in names if names.count(name) > 1}):
        die(f"{path}: without the numbers of hazards, these cases have one name: {', '.join(twice)}")
    if re.search("hazard|docs/", text, re.I):
        die(f"{path}: names something that the tree does not have: "
            + found(".*(?:hazard|docs/).*", text, re.I)[0].strip())
    return text


def test_modules(root: str) -> list[str]:
    """Returns the test modules of a module: the KUnit cases, and the code that they share."""
    return [name for name in TEST_MODULE.findall(ours(f"{root}.rs"))
            if f"{root}/{name}.rs" not in MODULE_ONLY]


def xarray_tests() -> str:
    """Returns the tests of the RCU table, changed to test an XArray."""
    text = tests("sync/rcu/table_tests.rs")
    for old, new in (
            (r"KUnit tests of the table\.", "KUnit tests of the lookup in an XArray."),
            ("rust_rcu_table", "rust_rcu_xarray"),
            (r"                RcuTable, //\n", ""),
            (r"RcuFreeKBox,\n(\s+RcuKBox),\n", r"RcuFreeKBox,\n\1, //\n"),
            (r"            Arc, //\n        \},\n    \};", "            Arc, //\n        },\n"
             "        xarray::{\n            AllocKind,\n            XArray, //\n        },\n    };"),
            (r"RcuTable::new\(\)", "XArray::new(AllocKind::Alloc)"),
            ("RcuTable<", "XArray<"),
            (r"\btable\.store\(((?:[^()]|\((?:[^()]|\([^()]*\))*\))*)\)\?",
             r"table.lock().store(\1, GFP_KERNEL)?"),
            (r"\btable\.store\(((?:[^()])*)\)\.unwrap\(\)",
             r"table.lock().store(\1, GFP_KERNEL).ok().unwrap()"),
            (r"\btable\.remove\(", "table.lock().remove("),
            ("table_owns_what_is_in_it", "array_owns_what_is_in_it"),
            (r"\btable\b", "array"),
    ):
        text = re.sub(old, new, text)
    if re.search("table", text, re.I):
        die("sync/rcu/table_tests.rs: " + found(".*table.*", text, re.I)[0].strip())
    return text


def split_entries(block: str) -> list[str]:
    """Splits a `use` list into its entries, at the commas outside of braces."""
    entries, depth, entry = list[str](), 0, ""
    for character in block:
        depth += (character == "{") - (character == "}")
        if character == "," and not depth:
            entries.append(entry)
            entry = ""
        else:
            entry += character
    entries.append(entry)
    # The `//` before an entry only keeps rustfmt from joining lines.
    entries = [re.sub(r"^\s*(//\s*)?", "", entry).rstrip() for entry in entries]
    return [entry for entry in entries if entry]


def module_root(text: str, modules: list[str], test_option: str | None = None,
                suites: list[str] | None = None) -> tuple[str, str]:
    """Splits a module's root into its documentation, and those items that `modules` provide."""
    docs = found(r"\A// SPDX[^\n]*\n\n((?://![^\n]*\n)*)", text)[1]
    text = text[text.index(docs) + len(docs):]
    text = re.sub(r"^#\[doc\(no_inline\)\]\npub use ::kernel::[^\n]*\n\n", "", text, flags=re.M)
    text = TEST_MODULE.sub("\n", text)
    text = re.sub(r"^(?:pub )?mod (\w+);\n", lambda m: m[0] if m[1] in modules else "", text,
                  flags=re.M)
    match = found(r"^pub use self::\{\n(.*?)^\};\n", text, re.M | re.S)
    entries = [entry for entry in split_entries(match[1])
               if found(r"\A\w+", entry)[0] in modules]
    if not entries:
        use = ""
    elif len(entries) == 1:
        # An entry without the list has one level of indentation less.
        use = "pub use self::" + re.sub(r"^    ", "", entries[0], flags=re.M) + ";\n"
    else:
        end = "\n" if entries[-1].endswith("}") else " //\n"
        use = ("pub use self::{\n" + ",\n".join(f"    {entry}" for entry in entries)
               + f",{end}}};\n")
    text = text[:match.start()] + use + text[match.end():]
    if test_option and suites:
        text = text.rstrip("\n") + "\n\n" + "".join(
            f"#[cfg(CONFIG_RUST_{test_option}_KUNIT_TEST)]\nmod {name};\n"
            for name in sorted(suites))
    if "KERNEL_OVERLAY" in text:
        die("a module's root names an option that only this tree has")
    docs = without_absent(docs, "\n".join(entries))
    return docs, re.sub(r"\n{3,}", "\n\n", text).strip("\n") + "\n"


def without_absent(docs: str, present: str) -> str:
    """Removes the items from the lists in a module's documentation that do not exist yet."""
    docs = re.sub(r"^//! - \[`(\w+)`\][^\n]*\n(?://!   [^\n]*\n)*",
                  lambda m: m[0] if re.search(rf"\b{m[1]}\b", present) else "", docs, flags=re.M)
    # The introduction of a list that is now empty.
    return re.sub(r" Others are:\n//!\n//!\n", "\n//!\n", docs)


def helper_functions() -> list[tuple[list[str], str]]:
    """Returns the module's shims in order: (names, text with its comment and #ifndef)."""
    text = read(f"{TOP}/rust/helpers/helpers.c")
    text = text[text.rindex("#endif", 0, text.index("rust_helper_")) + 7:]
    chunks, depth, chunk = list[str](), 0, ""
    for line in text.splitlines(keepends=True):
        depth += line.startswith("#if") - line.startswith("#endif")
        if line == "\n" and not depth and chunk.endswith(("}\n", "#endif\n")):
            chunks.append(chunk)
            chunk = ""
        elif line != "\n" or chunk:
            chunk += line
    chunks.append(chunk)
    return [(re.findall(r"rust_helper_(\w+)\(", chunk), chunk) for chunk in chunks if chunk.strip()]


def files_below(directory: str) -> list[str]:
    """Returns the files of a folder of this tree, as paths relative to the folder."""
    return sorted(os.path.relpath(os.path.join(at, file), f"{TOP}/{directory}")
                  for at, _, files in os.walk(f"{TOP}/{directory}") for file in files
                  if not file.startswith("."))


def dma_buf_files() -> list[str]:
    """Returns all modules of dma_buf except tests and those in MODULE_ONLY."""
    out = {f"dma_buf/{name}.rs" for name in TEST_MODULE.findall(ours("dma_buf.rs"))}
    return [name[:-3] for name in files_below("rust/kernel/dma_buf")
            if f"dma_buf/{name}" not in out and f"dma_buf/{name}" not in MODULE_ONLY]

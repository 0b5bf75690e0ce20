# SPDX-License-Identifier: GPL-2.0
"""Builds a mutant in a copy of the tree, with the commands that kbuild has saved there.

scripts/module builds the copy once. For a mutant, this module makes only the outputs that depend on the
change: the bitcode and the metadata of a crate, and the linked module. It makes no object file of the
crate and no debug information, because the kernel does not load them. That takes a third of the time of
kbuild.
"""

import hashlib
import os
import re
import shutil
import subprocess

from fence import kbuild

from . import source

# The files and folders that a module is built from.
SOURCES = ("Kbuild", "Kconfig", "Makefile", "drivers", "include", "rust", "scripts")
KERNEL, DRIVER = "rust/kernel/.lib.o.cmd", "drivers/dma-buf/fence_exporter/.main.o.cmd"
LINK = ".fence_exporter_linked.o.cmd"
PARTIAL, MODULE = ".fence_exporter.o.cmd", ".fence_exporter.ko.cmd"
# Options that are removed from a crate's command, and those that replace them. The output is only used
# by the link. Messages of panics contain positions in the source. Without these positions, a change that
# only moves code gives the same object, so the mutant counts as equivalent.
CHANGED = ("-Cdebuginfo", "-Zdwarf-version")
ADDED = ("-Cdebuginfo=0", "-Zlocation-detail=none", "--cap-lints=allow")
# The outputs of a crate's command that the link does not read.
UNREAD = ("--emit=obj=", "--emit=dep-info=")


class Failed(Exception):
    """The compiler or the linker has failed. The text is its output."""


def copy_tree(target):
    """Updates a copy of the tree. A file that has not changed keeps its time."""
    for name in SOURCES:
        path = f"{source.TOP}/{name}"
        if os.path.isdir(path):
            shutil.rmtree(f"{target}/{name}", ignore_errors=True)
            shutil.copytree(path, f"{target}/{name}", symlinks=True)
        else:
            os.makedirs(target, exist_ok=True)
            shutil.copy2(path, f"{target}/{name}")


class Builder:
    """A copy of the tree in which mutants are built, one after the other."""

    def __init__(self, copy):
        self.copy = copy
        copy_tree(copy)
        result = subprocess.run([f"{copy}/scripts/module", "--kunit", "x86_64", "gki"], text=True,
                                stdout=subprocess.PIPE, check=False)
        if result.returncode:
            raise SystemExit("tests/mutants/run: the tree itself does not build")
        self.out = os.path.dirname(result.stdout.strip())
        self.crates = {name: self.crate_command(name) for name in (KERNEL, DRIVER)}
        self.link = [self.without_debug(saved) for saved in kbuild.commands(f"{self.out}/{LINK}")]
        self.link += [saved for name in (PARTIAL, MODULE)
                      for saved in kbuild.commands(f"{self.out}/{name}")]
        # The crates that were last built from a changed file, or not at all.
        self.changed = set(self.crates)

    def crate_command(self, name):
        """Returns the command that compiles a crate, with only the outputs that the link reads."""
        saved = kbuild.command(f"{self.out}/{name}").without(*CHANGED)
        words = [word for word in saved.words if not word.startswith(UNREAD)]
        return kbuild.Command(saved.environment, [*words, *ADDED])

    @staticmethod
    def without_debug(saved):
        """Returns a command without its options for debug information."""
        words = [word for word in saved.words if not re.fullmatch(r"-g(dwarf-\d)?", word)]
        return kbuild.Command(saved.environment, words)

    def run(self, command):
        """Runs a command in the directory where the module is built."""
        result = command.run(cwd=self.out)
        if result.returncode:
            raise Failed(result.stdout)

    def build(self, path=None, text=None):
        """Builds the tree, with a new text for one file if `path` is given. Returns the object's hash.

        Afterwards, the module is `fence_exporter.ko` in `out`.
        """
        crate = KERNEL if path and path.startswith("rust/") else DRIVER
        stale = self.changed | ({crate} if path else set())
        if KERNEL in stale:
            stale.add(DRIVER)
        original = source.read(path) if path else None
        try:
            if path:
                self.write(path, text)
            self.changed = stale if path else set()
            for name in (KERNEL, DRIVER):
                if name in stale:
                    self.run(self.crates[name])
            for command in self.link:
                self.run(command)
        finally:
            if path:
                self.write(path, original)
        with open(f"{self.out}/fence_exporter_linked.o", "rb") as file:
            return hashlib.sha256(file.read()).hexdigest()

    def write(self, path, text):
        """Writes a file of the copy."""
        with open(f"{self.copy}/{path}", "w", encoding="utf-8") as file:
            file.write(text)

    def take(self, target):
        """Copies the module that was built last to `target`, without its debug information."""
        strip = self.link[0].words[0].replace("llvm-link", "llvm-strip")
        subprocess.run([strip, "--strip-debug", "-o", target, f"{self.out}/fence_exporter.ko"],
                       check=True)

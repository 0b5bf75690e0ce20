# SPDX-License-Identifier: GPL-2.0
"""How a mutant is built: in a copy of the tree, by the commands that kbuild has saved there.

The copy is built once by scripts/module. For a mutant only what depends on the change is made
anew: a crate to bitcode and metadata, without objects and debug information, which would not be
loaded; then the link of the module. That takes a third of what kbuild takes.
"""

import hashlib
import os
import re
import shlex
import shutil
import subprocess

from . import source

# What a module is built from.
SOURCES = ("Kbuild", "Kconfig", "Makefile", "drivers", "include", "rust", "scripts")
KERNEL, DRIVER = "rust/kernel/.lib.o.cmd", "drivers/dma-buf/fence_exporter/.main.o.cmd"
LINK = ".fence_exporter_linked.o.cmd"
PARTIAL, MODULE = ".fence_exporter.o.cmd", ".fence_exporter.ko.cmd"
# Places in the source are in messages of panics: without them, what is the same but for its
# columns is the same.
WITHOUT_PLACES = "-Zlocation-detail=none --cap-lints=allow"


class Failed(Exception):
    """The compiler or the linker has refused; the text is what it said."""


def copy_tree(target):
    """Brings a copy of the tree up to date. What has not changed keeps its time."""
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
        self.link = self.link_commands()
        # Which crate was last made of a file that isn't the tree's.
        self.changed = set(self.crates)

    def saved(self, name):
        """A command that kbuild has saved."""
        with open(f"{self.out}/{name}", encoding="utf-8") as file:
            return file.readline().partition(":=")[2].strip()

    def crate_command(self, name):
        """Compiles a crate, for the link only."""
        command, _, _ = self.saved(name).partition(" ; ")
        for old, new in ((r"--emit=(?:obj|dep-info)=\S+", ""), (r"-Cdebuginfo=\d", "-Cdebuginfo=0"),
                         (r"-Zdwarf-version=\d", ""), (r" rustc ", f" rustc {WITHOUT_PLACES} ")):
            command = re.sub(old, new, command)
        return "RUSTC_BOOTSTRAP=1 " + command

    def link_commands(self):
        """Links the module, up to what is compared, and from there on."""
        link = re.sub(r" -g(?:dwarf-\d)?(?= )", "", self.saved(LINK)).replace(" ; ", " && ")
        return link, f"{self.saved(PARTIAL)} && {self.saved(MODULE)}"

    def run(self, command):
        """Runs a command of the shell where the module is built."""
        result = subprocess.run(["sh", "-c", command], cwd=self.out, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True, errors="replace", check=False)
        if result.returncode:
            raise Failed(result.stdout)

    def build(self, path=None, text=None):
        """Builds the tree with one file's text changed, or as it is; returns the object's hash.

        The module is then `fence_exporter.ko` in `out`.
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
        """Puts the module that was built last somewhere, without what is not loaded."""
        strip = re.search(r"\bllvm-link(\S*)", self.saved(LINK))[1]
        subprocess.run([f"llvm-strip{strip}", "--strip-debug", "-o", target,
                        f"{self.out}/fence_exporter.ko"], check=True)
        return shlex.quote(target)

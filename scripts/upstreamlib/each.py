# SPDX-License-Identifier: GPL-2.0
"""Type-checks the kernel crate after each patch, with the bindings that the tree has then."""

import os
import time

from fence import kbuild

from . import git, run, say
from .build import SAVED, Build
from .series import SERIES

BINDINGS = ("bindings_generated.rs", "bindings_helpers_generated.rs")


class Each:
    """Repeats commands that kbuild saved for the last patch, on the files of another one.

    The repository at `path` has the files that the series change. The kernel's other files and headers
    are those of the build. Outputs are in `scratch`: the build does not notice.
    """

    def __init__(self, kernel: Build, path: str, scratch: str) -> None:
        self.kernel = kernel
        self.path = path
        self.scratch = f"{scratch}/each"
        os.makedirs(f"{self.scratch}/rust/bindings")

    def repeat(self, command: kbuild.Command, *more: str, **environment: str) -> None:
        """Runs a command. It reads rust/ of the repository, and has our path for the bindings."""
        words = [word.replace(f"{self.kernel.source}/rust/", f"{self.path}/rust/")
                 for word in command.words]
        words = [f"{self.scratch}/{word}" if word.startswith("rust/bindings/") else word
                 for word in words]
        run(*words, *more, cwd=self.kernel.out,
            env={**os.environ, "RUSTC_BOOTSTRAP": "1", "CLIPPY_CONF_DIR": self.kernel.source,
                 **command.environment, **environment})

    def bindings(self) -> None:
        """Makes the crate `bindings` from the headers and helpers of the repository."""
        for name in BINDINGS:
            for command in kbuild.commands(f"{self.kernel.out}/rust/bindings/.{name}.cmd"):
                # The build would take such a file for its own.
                self.repeat(command.without("-Wp,-MMD,"))
        saved = kbuild.command(f"{self.kernel.out}/rust/.bindings.o.cmd").without("--emit")
        self.repeat(saved, f"--emit=metadata={self.scratch}/libbindings.rmeta", OBJTREE=self.scratch)

    def kernel_crate(self) -> None:
        """Type-checks the kernel crate. A warning is an error."""
        saved = kbuild.command(f"{self.kernel.out}/{SAVED}").without("--emit")
        place = saved.words.index("bindings", saved.words.index("--extern"))
        saved.words[place] = f"bindings={self.scratch}/libbindings.rmeta"
        self.repeat(saved, f"--emit=metadata={self.scratch}/libkernel.rmeta", "-Dwarnings")


def typecheck(kernel: Build, path: str, scratch: str) -> None:
    """Type-checks the kernel crate after each patch of the repository at `path`."""
    each = Each(kernel, path, scratch)
    bound = False
    commits = git(path, "rev-list", "--reverse", f"base..{SERIES[-1].name}").split()
    for number, commit in enumerate(commits, 1):
        begin = time.monotonic()
        subject = git(path, "log", "-1", "--format=%s", commit).strip()
        git(path, "checkout", "-q", "--detach", commit)
        names = git(path, "diff", "--name-only", f"{commit}~", commit).split()
        if not any(name.startswith("rust/") for name in names):
            say(f"{number:2}/{len(commits)} changes nothing in rust/: {subject}")
            continue
        if not bound or any(name.startswith(("rust/bindings/", "rust/helpers/")) for name in names):
            each.bindings()
            bound = True
        each.kernel_crate()
        say(f"{number:2}/{len(commits)} type-checks, {time.monotonic() - begin:.0f} s: {subject}")
    git(path, "checkout", "-q", SERIES[-1].name)

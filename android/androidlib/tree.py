# SPDX-License-Identifier: GPL-2.0
"""The files of a checkout, and what was found wrong with them."""

import os
import re
import subprocess


def pattern(glob):
    """Bazel's and Soong's globs: `*` stays in a directory, `**` is any number of them."""
    text = re.escape(glob).replace(r"\*\*/", "(?:.*/)?").replace(r"\*", "[^/]*")
    return re.compile(text + "$")


class Tree:
    """A checkout, or a copy of one."""

    def __init__(self, root, files=None):
        self.root = root
        self.files = set(files or self.tracked(root))
        self.problems = []

    @staticmethod
    def tracked(root):
        """What is in the repository or about to be: names of files that are there."""
        names = subprocess.run(["git", "-C", root, "ls-files", "-co", "--exclude-standard"],
                               stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
        return [name for name in names if os.path.isfile(os.path.join(root, name))]

    def problem(self, where, text):
        """Takes down that something is wrong."""
        self.problems.append(f"{where}: {text}")

    def read(self, name):
        """The text of a file."""
        with open(os.path.join(self.root, name), encoding="utf-8") as file:
            return file.read()

    def glob(self, where, *globs):
        """The files that match; each glob must have some."""
        found = set()
        for glob in globs:
            some = {name for name in self.files if pattern(glob).match(name)}
            if not some:
                self.problem(where, f'nothing matches "{glob}"')
            found |= some
        return sorted(found)

    def want(self, where, name):
        """A file that is named must be there."""
        if name not in self.files:
            self.problem(where, f"names {name}, which is not there")

    def compare(self, where, named, belong):
        """What is named must be what belongs there."""
        for name in sorted(belong - named):
            self.problem(where, f"{name} belongs there and is not named")
        for name in sorted(named - belong):
            self.problem(where, f"{name} is named and does not belong there")

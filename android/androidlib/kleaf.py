# SPDX-License-Identifier: GPL-2.0
"""BUILD.bazel: parsed by buildifier, and evaluated by an implementation of Starlark.

The rules' names and attributes are those of Kleaf's API reference
(build/kernel/kleaf/docs) and of Bazel's and rules_pkg's; the rules themselves
are not here: an evaluated rule is written down, and what it says is checked.
"""

import os
import subprocess

import starlark

FILE = "BUILD.bazel"
KLEAF = "//build/kernel/kleaf:kernel.bzl"
ARCHITECTURES = ("aarch64", "x86_64")
COMMON = {"name", "visibility", "tags"}
# Where a rule comes from, and its attributes: those that must be given, and others.
RULES = {
    "filegroup": (None, {"srcs"}, {"data"}),
    "kernel_module": (KLEAF, {"kernel_build"},
                      {"srcs", "outs", "deps", "makefile", "generate_btf"}),
    "kernel_module_group": (KLEAF, set(), {"srcs"}),
    "kernel_modules_install": (KLEAF, set(), {"outs", "kernel_build", "kernel_modules"}),
    "ddk_uapi_headers": (KLEAF, {"srcs", "out", "kernel_build"}, set()),
    "pkg_files": ("@rules_pkg//pkg:mappings.bzl", {"srcs"}, {"prefix", "strip_prefix", "renames"}),
    "pkg_install": ("@rules_pkg//pkg:install.bzl", {"srcs"}, {"destdir"}),
}
INSTALL_OUTS = {"modules.dep", "modules.alias", "modules.builtin", "modules.symbols",
                "modules.softdep"}


class Package:
    """What BUILD.bazel declares."""

    def __init__(self, tree):
        self.tree = tree
        self.targets = {}

    def recorder(self, rule):
        """The function that stands for a rule."""
        def record(**attributes):
            self.record(rule, attributes)
        return record

    def record(self, rule, attributes):
        """Takes down a target, if it is well-formed."""
        _, needed, others = RULES[rule]
        name = attributes.get("name", "?")
        where = f"{FILE}, {rule} {name}"
        for attribute in sorted(attributes.keys() - needed - others - COMMON):
            self.tree.problem(where, f"there is no attribute {attribute}")
        for attribute in sorted((needed | {"name"}) - attributes.keys()):
            self.tree.problem(where, f"lacks {attribute}")
        if name in self.targets:
            self.tree.problem(where, "is there twice")
        self.targets[name] = (rule, attributes)

    def load(self, label):
        """The module behind a load()."""
        module = starlark.Module()
        for rule, (source, _, _) in RULES.items():
            if source == label:
                module.add_callable(rule, self.recorder(rule))
        return module.freeze()

    def evaluate(self):
        """Runs the file."""
        module = starlark.Module()
        module.add_callable("package", lambda **_: None)
        module.add_callable("glob", lambda include: self.tree.glob(f"{FILE}, glob", *include))
        for rule, (source, _, _) in RULES.items():
            if source is None:
                module.add_callable(rule, self.recorder(rule))
        try:
            ast = starlark.parse(FILE, self.tree.read(FILE), starlark.Dialect.extended())
            starlark.eval(module, ast, starlark.Globals.standard(),
                          starlark.FileLoader(self.load))
        except starlark.StarlarkError as error:
            self.tree.problem(FILE, str(error).strip())

    def sources(self, where, labels):
        """The files behind labels of this package."""
        found = set()
        for label in labels:
            if not label.startswith((":", "//", "@")):
                self.tree.want(where, label)
                found.add(label)
            elif label.startswith(":"):
                found |= self.behind(where, label[1:])
        return found

    def behind(self, where, name):
        """The files behind a target of this package."""
        if name not in self.targets:
            self.tree.problem(where, f"there is no target :{name}")
            return set()
        rule, attributes = self.targets[name]
        return self.sources(where, attributes.get("srcs", [])) if rule == "filegroup" else set()

    def check(self):
        """What the targets must have in common with the tree."""
        groups = {}
        for name, (rule, attributes) in self.targets.items():
            where = f"{FILE}, {rule} {name}"
            labels = attributes.get("srcs", []) + attributes.get("kernel_modules", [])
            groups[name] = self.sources(where, labels)
            if rule == "kernel_modules_install" and set(attributes.get("outs", [])) - INSTALL_OUTS:
                self.tree.problem(where, "names an output that depmod's are not among")
        for arch in ARCHITECTURES:
            if self.targets.get(f"fence_exporter_{arch}", [None])[0] != "kernel_module":
                self.tree.problem(FILE, f"has no module for {arch}")
            self.tree.compare(f"{FILE}, {arch}", groups.get(f"fence_exporter_{arch}", set()),
                              module_files(self.tree))
            self.tree.compare(f"{FILE}, symbols for {arch}",
                              groups.get(f"fence_exporter_symbols_{arch}", set()),
                              {f"android/symbols/{arch}"})
        self.tree.compare(f"{FILE}, device_files", groups.get("device_files", set()),
                          {name for name in self.tree.files if name.startswith("android/sepolicy/")}
                          | {"android/ueventd.rc"})


def module_files(tree):
    """What a build of the module reads: all of drivers/ and rust/ but the documentation."""
    return {name for name in tree.files
            if name.startswith(("drivers/", "rust/", "include/uapi/"))
            and not name.endswith(".md")} | {"Kbuild", "Kconfig", "Makefile"}


def check(tree, parsers):
    """Checks BUILD.bazel."""
    result = subprocess.run([f"{parsers}/buildifier", "-mode=check", "-lint=warn", FILE],
                            cwd=tree.root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            env={**os.environ, "HOME": tree.root}, text=True, check=False)
    if result.returncode or result.stdout.strip():
        tree.problem(FILE, f"buildifier: {result.stdout.strip()}")
    package = Package(tree)
    package.evaluate()
    package.check()

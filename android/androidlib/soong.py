# SPDX-License-Identifier: GPL-2.0
"""Android.bp and android/prebuilt.bp: parsed by Blueprint's own bpfmt, read by android_bp.

The properties are those of Soong's reference; Soong itself is not here.
"""

import os
import subprocess

import android_bp

FILE = "Android.bp"
# It lies elsewhere and names what android/package puts beside it.
PREBUILT = "android/prebuilt.bp"
COMMON = {"name", "visibility", "defaults", "host_supported", "vendor_available", "vendor",
          "vendor_dlkm_specific"}
CC = {"srcs", "header_libs", "local_include_dirs", "include_dirs", "cflags", "gtest",
      "no_named_install_directory", "relative_install_path", "compile_multilib", "multilib",
      "test_suites", "generated_headers"}
RUST = {"crate_name", "srcs", "edition", "rustlibs", "proc_macros", "features", "crate_root"}
MODULES = {
    "package": {"default_applicable_licenses", "default_visibility"},
    "license": {"license_kinds", "license_text", "copyright_notice"},
    "cc_library_headers": {"export_include_dirs"},
    "cc_defaults": CC,
    "cc_test": CC,
    "cc_prebuilt_binary": {"srcs", "compile_multilib", "check_elf_files", "strip"},
    "filegroup": {"srcs", "path"},
    "genrule": {"srcs", "out", "cmd"},
    "prebuilt_etc": {"src", "srcs", "filename", "relative_install_path"},
    "prebuilt_kernel_modules": {"srcs", "srcs_16k", "options_file", "blocklist_file",
                                "kernel_version", "load_by_default", "strip_debug_symbols"},
    "rust_bindgen": {"crate_name", "wrapper_src", "source_stem", "header_libs", "bindgen_flags"},
    "rust_library": RUST,
    "rust_binary": RUST | {"stem"},
}
# Properties that name files, and those that name modules of this file.
FILES = ("src", "srcs", "wrapper_src", "license_text", "options_file", "crate_root")
REFERENCES = ("defaults", "header_libs", "generated_headers", "default_applicable_licenses")


def listed(value):
    """A property's value as a list."""
    return value if isinstance(value, list) else [value]


def modules(tree, name):
    """The modules of a file, each with its type and properties."""
    result = subprocess.run(["bpfmt", "-l", name], cwd=tree.root, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True, check=False)
    if result.returncode or result.stdout.strip():
        tree.problem(name, f"bpfmt: {result.stdout.strip()}")
    try:
        blueprint = android_bp.BluePrint.from_file(os.path.join(tree.root, name))
    except Exception as error:  # The type is the parser's own.
        tree.problem(name, str(error))
        return []
    return [(module.__type__, dict(module.__dict__)) for module in blueprint.modules]


def check_properties(tree, name, declared):
    """Types, properties and references must be known."""
    names = [properties.get("name") for _, properties in declared]
    for kind, properties in declared:
        where = f"{name}, {kind} {properties.get('name', '')}".rstrip()
        if kind not in MODULES:
            tree.problem(where, "there is no such module type")
            continue
        for unknown in sorted(properties.keys() - MODULES[kind] - COMMON):
            tree.problem(where, f"there is no property {unknown}")
        if kind != "package" and names.count(properties.get("name")) != 1:
            tree.problem(where, "must have a name of its own")
        for key in REFERENCES:
            for reference in listed(properties.get(key, [])):
                if reference not in names:
                    tree.problem(where, f"{key} names {reference}, which is not there")


def named_files(tree, name, declared):
    """The files that modules name, each with the module's type."""
    found = []
    for kind, properties in declared:
        for key in FILES:
            for file in listed(properties.get(key, [])):
                tree.want(f"{name}, {properties.get('name')}", file)
                found.append((kind, file))
        for key in ("export_include_dirs", "local_include_dirs"):
            for directory in listed(properties.get(key, [])):
                if not any(file.startswith(f"{directory}/") for file in tree.files):
                    tree.problem(name, f"names the directory {directory}, which is not there")
    return found


def check(tree):
    """Checks Android.bp: what it names is there, and what belongs there is named."""
    declared = modules(tree, FILE)
    check_properties(tree, FILE, declared)
    files = named_files(tree, FILE, declared)
    tests = [file for kind, file in files if kind in ("cc_test", "cc_defaults")]
    tree.compare(f"{FILE}, tests", set(tests),
                 {file for file in tree.files
                  if file.startswith("tests/selftests/") and file.endswith(".c")})
    for file in sorted({file for file in tests if tests.count(file) > 1}):
        tree.problem(FILE, f"{file} is in two tests")
    for properties in (properties for kind, properties in declared if kind == "cc_test"):
        wanted = [f"tests/selftests/{properties['name'].removeprefix('fence_exporter_')}.c"]
        if properties.get("srcs") != wanted:
            tree.problem(FILE, f"{properties['name']} is not the test of {wanted[0]}")
    tree.compare(f"{FILE}, fence_exporter_sepolicy",
                 {file for kind, file in files if kind == "filegroup"},
                 {file for file in tree.files if file.startswith("android/sepolicy/")})
    for kind, file in (("prebuilt_etc", "android/ueventd.rc"),
                       ("rust_bindgen", "rust/uapi/uapi_helper.h")):
        if (kind, file) not in files:
            tree.problem(FILE, f"{file} belongs there and is not named")
    exported = {directory for _, properties in declared
                for directory in listed(properties.get("export_include_dirs", []))}
    for header in (file for file in tree.files if file.startswith("include/")):
        if not any(header.startswith(f"{directory}/") for directory in exported):
            tree.problem(FILE, f"{header} is in no header library")


def check_prebuilt(tree, name=PREBUILT):
    """Checks the file of the archive; in the archive itself also what it names."""
    declared = modules(tree, name)
    check_properties(tree, name, declared)
    if name != PREBUILT:
        named_files(tree, name, declared)
    for kind, what in (("prebuilt_kernel_modules", "kernel module"), ("cc_prebuilt_binary", "fencectl")):
        if kind not in [found for found, _ in declared]:
            tree.problem(name, f"has no {what}")

# SPDX-License-Identifier: GPL-2.0
"""ueventd.rc, file_contexts and the SELinux rules: compiled, and compared with the interface."""

import os
import re
import subprocess
import tempfile

from . import tree as trees

DIRECTORY = "android/sepolicy"
NODES = ("/dev/fence_exporter", "/dev/sw_sync")
# Of Android's policy, as little as the rules need to be compiled: classes, an application and a
# domain that owns timelines.
BASE_HEAD = """
class chr_file
class process
sid kernel
common file { append create getattr ioctl lock map open read rename setattr unlink write }
class chr_file inherits file
class process { fork transition }
"""
BASE_TYPES = """
attribute dev_type;
attribute domain;
attribute appdomain;
type kernel, domain;
type shell, domain, appdomain;
type untrusted_app, domain, appdomain;
type hal_test, domain;
role r;
role r types { kernel shell untrusted_app hal_test };
"""
BASE_TAIL = """
user u roles { r };
sid kernel u:r:kernel
"""


def compile_policy(rules):
    """Compiles the rules on top of the base; returns what checkpolicy had to say against it."""
    with tempfile.TemporaryDirectory(prefix="fence-policy-") as scratch:
        source, binary = os.path.join(scratch, "policy.conf"), os.path.join(scratch, "policy")
        with open(source, "w", encoding="utf-8") as file:
            file.write(BASE_HEAD + BASE_TYPES + rules + BASE_TAIL)
        result = subprocess.run(["checkpolicy", "-c", "30", "-o", binary, source],
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                check=False)
    return result.stdout.strip() if result.returncode else None


def ioctl_numbers(tree):
    """The type and number of each call, from the headers that define them."""
    numbers = set()
    for header in ("include/uapi/linux/fence_exporter.h", "rust/uapi/sw_sync.h"):
        text = tree.read(header)
        constants = dict(re.findall(r"^#define\s+(\w+)\s+(0x[0-9A-Fa-f]+|'.')\s*$", text, re.M))
        for magic, number in re.findall(r"_IO[WR]*\(\s*(\w+|'.')\s*,\s*(\d+)\s*,", text):
            value = constants.get(magic, magic)
            value = ord(value[1]) if value.startswith("'") else int(value, 16)
            numbers.add(value << 8 | int(number))
    return numbers


def allowed_numbers(rules):
    """What the allowxperm rules let through."""
    numbers = set()
    for group in re.findall(r"^allowxperm .* ioctl \{([^}]*)\}", rules, re.M):
        for word in group.split():
            first, _, last = word.partition("-")
            numbers |= set(range(int(first, 16), int(last or first, 16) + 1))
    return numbers


def table(tree, name):
    """The lines of a file of columns."""
    return [line.split() for line in tree.read(name).splitlines()
            if line.strip() and not line.startswith("#")]


def check(tree):
    """Checks what decides who may open the nodes."""
    rules = "".join(tree.read(name) for name in sorted(tree.files)
                    if trees.pattern(f"{DIRECTORY}/*.te").match(name))
    types = set(re.findall(r"^type (\w+)", rules, re.M))
    client = "typeattribute hal_test fence_exporter_client;\n"
    if complaint := compile_policy(rules + client):
        tree.problem(DIRECTORY, f"checkpolicy: {complaint}")
    # The rule against applications must be one that bites.
    if not compile_policy(rules + "typeattribute untrusted_app fence_exporter_client;\n"):
        tree.problem(DIRECTORY, "an application may be a client")
    if allowed_numbers(rules) != ioctl_numbers(tree):
        tree.problem(DIRECTORY, "the calls that are allowed are not those of the interface")
    nodes = []
    for path, context in table(tree, f"{DIRECTORY}/file_contexts"):
        nodes.append(path)
        if context.split(":")[2] not in types:
            tree.problem(DIRECTORY, f"{path} has a type that is not there: {context}")
    if tuple(nodes) != NODES:
        tree.problem(DIRECTORY, f"the nodes with a label are {nodes}")
    for words in table(tree, "android/ueventd.rc"):
        if len(words) != 4 or not re.fullmatch(r"0[0-7]{3}", words[1]) or words[1][3] != "0":
            tree.problem("android/ueventd.rc", f"not a line for a node, or open to all: {words}")
    if tuple(words[0] for words in table(tree, "android/ueventd.rc")) != NODES:
        tree.problem("android/ueventd.rc", "does not name the nodes of the module")

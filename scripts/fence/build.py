# SPDX-License-Identifier: GPL-2.0
"""Calls the scripts that build something, and returns the paths that they print."""

import os
import subprocess

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))


class Failed(SystemExit):
    """A script has failed, and has printed the reason.

    If the exception is not caught, the caller ends with status 1.
    """


def output_of(*command: str) -> str:
    """Returns the output of a script. Its messages go to standard error."""
    result = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if result.returncode:
        raise Failed(f"{os.path.relpath(command[0], TOP)} failed with {result.returncode}")
    return result.stdout.strip()


def module(*arguments: str) -> str:
    """Builds the module. The arguments are those of scripts/module."""
    return output_of(f"{TOP}/scripts/module", *arguments)


def test_module(source: str, arch: str, flavour: str) -> str:
    """Builds a module of the tests. `source` is its directory in the tree."""
    out = f"{TOP}/build/{os.path.basename(source)}-{arch}-{flavour}"
    return output_of(f"{TOP}/scripts/test_module", source, out, arch, flavour)


def doctests(arch: str, flavour: str) -> str:
    """Builds the module with the examples of the documentation."""
    return output_of(f"{TOP}/scripts/doctests", arch, flavour)


def programs(abi: str, *targets: str) -> str:
    """Builds the test programs for an ABI, or some targets of tests/Makefile. Returns the directory."""
    return output_of(f"{TOP}/scripts/test_programs", abi, *targets)


def kernel(arch: str, flavour: str) -> str:
    """Builds a kernel if it does not exist. Returns its build directory."""
    return output_of(f"{TOP}/scripts/kernel/build", arch, flavour)


def kernel_settings(arch: str, flavour: str) -> dict[str, str]:
    """Returns the settings of a build against a kernel, by name: KSRC, KBUILD, LLVM ..."""
    lines = output_of(f"{TOP}/scripts/kernel/env", arch, flavour).splitlines()
    return {name: value for name, _, value in (line.partition("=") for line in lines)}

# SPDX-License-Identifier: GPL-2.0
"""Calls the scripts that build something, and returns where it is."""

import os
import subprocess

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))


class Failed(SystemExit):
    """A script has failed, and has said why.

    If nobody catches this, the caller ends with status 1.
    """


def output_of(*command: str) -> str:
    """Returns what a script prints; its messages go to the user."""
    result = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if result.returncode:
        raise Failed(f"{os.path.relpath(command[0], TOP)} failed with {result.returncode}")
    return result.stdout.strip()


def module(*arguments: str) -> str:
    """Builds the module; the arguments are those of scripts/module."""
    return output_of(f"{TOP}/scripts/module", *arguments)


def test_module(source: str, arch: str, flavour: str) -> str:
    """Builds a test-only module; `source` is its directory in the tree."""
    out = f"{TOP}/build/{os.path.basename(source)}-{arch}-{flavour}"
    return output_of(f"{TOP}/scripts/test_module", source, out, arch, flavour)


def doctests(arch: str, flavour: str) -> str:
    """Builds the module with the examples of the documentation."""
    return output_of(f"{TOP}/scripts/doctests", arch, flavour)


def programs(abi: str, *targets: str) -> str:
    """Builds the guest's programs for an ABI, or some targets of tests/Makefile; returns the directory."""
    return output_of(f"{TOP}/scripts/test_programs", abi, *targets)


def kernel(arch: str, flavour: str) -> str:
    """Builds a kernel if need be; returns its build directory."""
    return output_of(f"{TOP}/scripts/kernel/build", arch, flavour)


def kernel_settings(arch: str, flavour: str) -> dict[str, str]:
    """Returns what a build for a kernel must be told, by the name of the variable: KSRC, KBUILD, LLVM ..."""
    lines = output_of(f"{TOP}/scripts/kernel/env", arch, flavour).splitlines()
    return {name: value for name, _, value in (line.partition("=") for line in lines)}

# SPDX-License-Identifier: GPL-2.0
"""The guest's files: busybox, the init script, the module, what was added."""

import argparse
import os
import shlex
import shutil
import subprocess

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))

DIRECTORIES = ["bin", "dev", "etc", "proc", "root", "sys", "tmp", "usr/lib/fence_exporter"]


class Unavailable(Exception):
    """Something that the run needs isn't there; the text says what to do."""


def output_of(*command: str) -> str:
    """What a tool of ours prints; its own messages go to the user."""
    result = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if result.returncode:
        raise Unavailable(f"{os.path.basename(command[0])} failed")
    return result.stdout.strip()


def kernel_build(args: argparse.Namespace) -> str:
    """The build directory of the kernel that the arguments name."""
    if not args.kernel_build:
        args.kernel_build = output_of(f"{TOP}/scripts/kernel/build", args.arch, args.kernel)
    return str(args.kernel_build)


def kernel_image(args: argparse.Namespace) -> str:
    """The kernel's image."""
    name = {"x86_64": "arch/x86/boot/bzImage", "arm64": "arch/arm64/boot/Image"}[args.arch]
    path = os.path.join(kernel_build(args), name)
    if not os.path.exists(path):
        raise Unavailable(f"{path} is not there: build the kernel first")
    return path


def module(args: argparse.Namespace) -> str:
    """The module's file."""
    path = args.module or f"{TOP}/build/{args.arch}-{args.kernel}/fence_exporter.ko"
    if not os.path.exists(path):
        raise Unavailable(
            f"{path} is not there: `make modules ARCH={args.arch} FLAVOUR={args.kernel}` builds it")
    return path


def modules_of_kernel(args: argparse.Namespace, root: str) -> list[str]:
    """Lays a stock kernel's own modules over the guest's root; returns those to load.

    A kernel of scripts/kernel/stock has them in guest/; one of ours has everything built in.
    """
    files = os.path.join(kernel_build(args), "guest")
    if not os.path.isdir(files):
        return []
    shutil.copytree(files, root, symlinks=True, dirs_exist_ok=True)
    devices = {device.split(",")[0].split("-")[1] for device in args.device
               if device.startswith("virtio-")}
    return ["vgem", *(f"virtio_{device}" for device in sorted(devices & {"gpu", "net"}))]


def make_initrd(args: argparse.Namespace, scratch: str) -> str:
    """Lays out the guest's root below scratch, and returns the archive of it."""
    root = os.path.join(scratch, "root")
    for directory in DIRECTORIES:
        os.makedirs(os.path.join(root, directory))
    shutil.copy(output_of(f"{TOP}/scripts/busybox", args.arch), f"{root}/bin/busybox")
    shutil.copy(f"{TOP}/scripts/fence/init", f"{root}/init")
    os.symlink("busybox", f"{root}/bin/sh")
    modules = modules_of_kernel(args, root)
    if not args.no_load:
        shutil.copy(module(args), f"{root}/root/fence_exporter.ko")
    for directory in args.add:
        if not os.path.isdir(directory):
            raise Unavailable(f"--add {directory}: no such directory")
        shutil.copytree(directory, root, symlinks=True, dirs_exist_ok=True)
    settings = {
        "LOAD": "" if args.no_load else "1",
        "MODULES": " ".join(modules),
        "PARAMS": args.params,
        "INTERACTIVE": "1" if args.mode == "shell" else "",
        # The guest ends the command itself if it can, to tell what it waits for.
        "LIMIT": str(args.timeout) if args.mode == "run" else "",
    }
    with open(f"{root}/etc/fence-run", "w", encoding="utf-8") as file:
        file.writelines(f"{key}={shlex.quote(value)}\n" for key, value in settings.items())
    with open(f"{root}/etc/fence-command", "w", encoding="utf-8") as file:
        # One word is a line for the shell, several are a command and its arguments.
        command = args.command
        file.write((command[0] if len(command) == 1 else shlex.join(command)) + "\n")
    initrd = os.path.join(scratch, "initrd")
    with open(initrd, "wb") as file:
        names = subprocess.run(["find", "."], cwd=root, stdout=subprocess.PIPE, check=True).stdout
        subprocess.run(["cpio", "--quiet", "-o", "-H", "newc", "-R", "0:0"],
                       cwd=root, input=names, stdout=file, check=True)
    return initrd

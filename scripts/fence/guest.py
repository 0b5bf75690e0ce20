# SPDX-License-Identifier: GPL-2.0
"""The files of the guest: busybox, the init script, the modules, and files that the caller adds."""

import argparse
import itertools
import os
import shlex
import shutil
import subprocess

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))

# The lines of a guest with a shell: the second terminal, and that for its size. An arm64 machine of QEMU
# has only one serial port.
LINES = {"x86_64": ("ttyS1", "ttyS2"), "arm64": ("hvc0", "hvc1")}

DIRECTORIES = ["bin", "dev", "etc", "proc", "root", "sys", "tmp", "usr/lib/fence_exporter"]


class Unavailable(Exception):
    """A file that the run needs is missing. The text says what to do."""


def output_of(*command: str) -> str:
    """Returns the output of a script. Its messages go to standard error."""
    result = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if result.returncode:
        raise Unavailable(f"{os.path.basename(command[0])} failed")
    return result.stdout.strip()


def kernel_build(args: argparse.Namespace) -> str:
    """Returns the build directory of the kernel that the arguments name."""
    if not args.kernel_build:
        args.kernel_build = output_of(f"{TOP}/scripts/kernel/build", args.arch, args.kernel)
    return str(args.kernel_build)


def kernel_image(args: argparse.Namespace) -> str:
    """Returns the path of the kernel's image."""
    name = {"x86_64": "arch/x86/boot/bzImage", "arm64": "arch/arm64/boot/Image"}[args.arch]
    path = os.path.join(kernel_build(args), name)
    if not os.path.exists(path):
        raise Unavailable(f"{path} is not there: build the kernel first")
    return path


def modules(args: argparse.Namespace) -> list[str]:
    """Returns the files of the modules to load, in this order."""
    if args.no_load:
        return []
    # A tree that has copied the scripts for its own module does not have the driver.
    if not args.module and not os.path.exists(f"{TOP}/drivers/dma-buf/fence_exporter"):
        raise Unavailable("--module FILE must name the module, which `scripts/module` builds")
    paths: list[str] = args.module or [f"{TOP}/build/{args.arch}-{args.kernel}/fence_exporter.ko"]
    for path in paths:
        if not os.path.exists(path):
            raise Unavailable(f"{path} is not there" + (
                "" if args.module else f": `scripts/module {args.arch} {args.kernel}` builds it"))
    return paths


def modules_of_kernel(args: argparse.Namespace, root: str) -> list[str]:
    """Copies a stock kernel's own modules to the guest's root. Returns those to load.

    A kernel of scripts/kernel/stock has them in guest/. Other kernels have everything built in.
    """
    files = os.path.join(kernel_build(args), "guest")
    if not os.path.isdir(files):
        return []
    shutil.copytree(files, root, symlinks=True, dirs_exist_ok=True)
    devices = {device.split(",")[0].split("-")[1] for device in args.device
               if device.startswith("virtio-")}
    return ["vgem", *(f"virtio_{device}" for device in sorted(devices & {"gpu", "net"}))]


def make_initrd(args: argparse.Namespace, scratch: str) -> str:
    """Makes the guest's root below scratch, and returns an archive of it."""
    root = os.path.join(scratch, "root")
    files = modules(args)
    for directory in DIRECTORIES:
        os.makedirs(os.path.join(root, directory))
    shutil.copy(output_of(f"{TOP}/scripts/busybox", args.arch), f"{root}/bin/busybox")
    shutil.copy(f"{TOP}/scripts/fence/init", f"{root}/init")
    os.symlink("busybox", f"{root}/bin/sh")
    stock = modules_of_kernel(args, root)
    for path in files:
        shutil.copy(path, f"{root}/root/")
    # `make fencectl` builds it. A tree that has copied the scripts may not have it.
    tool = f"{TOP}/build/fencectl/{args.arch}/fencectl"
    if os.path.exists(tool):
        shutil.copy(tool, f"{root}/usr/lib/fence_exporter/")
    for directory in args.add:
        if not os.path.isdir(directory):
            raise Unavailable(f"--add {directory}: no such directory")
        shutil.copytree(directory, root, symlinks=True, dirs_exist_ok=True)
    settings = {
        "MODULES": " ".join(stock),
        "INTERACTIVE": "1" if args.mode == "shell" else "",
        "LINES": " ".join(LINES[args.arch]) if args.mode == "shell" else "",
        "GUEST": os.path.basename(scratch).rpartition("-")[2],
        # The guest cannot find out the size of the terminal over the serial line.
        "SIZE": "rows {1} cols {0}".format(*shutil.get_terminal_size()) if args.mode == "shell" else "",
        "GET": " ".join(path.partition(":")[0] for path in args.get),
        # The guest ends the command itself if it can, because it can print what the command waits for.
        "LIMIT": str(args.timeout) if args.mode == "run" else "",
    }
    with open(f"{root}/etc/fence-run", "w", encoding="utf-8") as file:
        file.writelines(f"{key}={shlex.quote(value)}\n" for key, value in settings.items())
    with open(f"{root}/etc/fence-modules", "w", encoding="utf-8") as file:
        for path, params in itertools.zip_longest(files, args.params[:len(files)], fillvalue=""):
            file.write(f"/root/{os.path.basename(path)} {params}\n")
    with open(f"{root}/etc/fence-command", "w", encoding="utf-8") as file:
        # One word is a line for the shell. Several words are a command and its arguments.
        command = args.command
        file.write((command[0] if len(command) == 1 else shlex.join(command)) + "\n")
    initrd = os.path.join(scratch, "initrd")
    with open(initrd, "wb") as file:
        names = subprocess.run(["find", "."], cwd=root, stdout=subprocess.PIPE, check=True).stdout
        subprocess.run(["cpio", "--quiet", "-o", "-H", "newc", "-R", "0:0"],
                       cwd=root, input=names, stdout=file, check=True)
    return initrd

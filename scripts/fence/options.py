# SPDX-License-Identifier: GPL-2.0
"""The command line of scripts/vm."""

import argparse
import os


def parse(ours: list[str], description: str = "") -> argparse.Namespace:
    """Parses the words of a command line."""
    parser = argparse.ArgumentParser(
        prog="scripts/vm",
        usage="scripts/vm {run,shell} [options] -- COMMAND ... | scripts/vm attach [NAME]",
        description=description,
        epilog="See the head of scripts/vm for the exit status.",
    )
    parser.add_argument("mode", choices=["run", "shell", "attach"])
    parser.add_argument("name", nargs="?", metavar="NAME", help="the guest to attach to")
    parser.add_argument("--arch", default="x86_64", choices=["x86_64", "arm64"])
    parser.add_argument("--kernel", default="gki", metavar="FLAVOUR",
                        help="a flavour of scripts/kernel/configs or scripts/kernel/stock (default: gki)")
    parser.add_argument("--kernel-build", metavar="DIR",
                        help="a kernel's build directory, instead of a flavour")
    parser.add_argument("--module", action="append", default=[], metavar="FILE",
                        help="the module (default: what `make` built for this kernel); may be repeated: "
                             "loaded in this order, removed in the reverse one")
    parser.add_argument("--params", action="append", default=[],
                        help="parameters of the module; if repeated, those of the next --module")
    parser.add_argument("--no-load", action="store_true", help="do not load the module")
    parser.add_argument("--add", action="append", default=[], metavar="DIR",
                        help="copy DIR to the guest's root; may be repeated")
    parser.add_argument("--timeout", type=int, default=300, metavar="S",
                        help="end the command after S seconds, or later on a machine that is found "
                             "to be slow (default: 300)")
    parser.add_argument("--expect", action="append", default=[], metavar="REGEX",
                        help="the log must have a report that matches; other reports still fail the run")
    parser.add_argument("--get", action="append", default=[], metavar="PATH[:DIR]",
                        help="afterwards copy a file or a folder of the guest to DIR (default: the "
                             "current folder); may be repeated; with run only")
    parser.add_argument("--keep-log", metavar="FILE", help="write the guest's kernel log to FILE")
    parser.add_argument("--smp", type=int, default=2, metavar="N")
    parser.add_argument("--memory", default="1G", metavar="SIZE")
    parser.add_argument("--icount", type=int, nargs="?", const=0, metavar="SHIFT",
                        help="one processor, whose clock counts instructions: 2^SHIFT ns for each")
    parser.add_argument("--device", action="append", default=[], metavar="ARG",
                        help="a further -device argument for QEMU; may be repeated")
    parser.add_argument("--plugin", metavar="ARG", help="a plugin for QEMU, with its options")
    parser.add_argument("--append", default="", help="further kernel parameters")
    # All words after `--` belong to the command, even if they look like options.
    command: list[str] = []
    if "--" in ours:
        split = ours.index("--")
        ours, command = ours[:split], ours[split + 1:]
    args = parser.parse_args(ours)
    args.command = command
    if args.name and args.mode != "attach":
        parser.error(f"unrecognized arguments: {args.name}")
    if args.no_load and args.module:
        parser.error("--no-load and --module exclude each other")
    names = [os.path.basename(file) for file in args.module]
    if len(set(names)) < len(names):
        parser.error(f"two modules have one name: {' '.join(names)}")
    if len(args.params) > max(len(names), 1):
        parser.error("there are more --params than modules")
    if args.mode == "run" and not args.command:
        parser.error("run needs a COMMAND")
    if args.mode == "shell" and args.get:
        parser.error("--get is for run: the line to the guest is the shell's")
    for path in args.get:
        if not os.path.isdir(path.partition(":")[2] or "."):
            parser.error(f"--get {path}: no such folder here")
    return args

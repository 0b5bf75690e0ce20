# SPDX-License-Identifier: GPL-2.0
"""The second terminal of a guest: `scripts/vm attach` connects a terminal to it.

A guest of `scripts/vm shell` has two more serial lines. Both are Unix sockets in the
folder of the guest:

- `terminal` is the second terminal.
- `control` takes the size of the terminal that is attached: a line with rows and columns.
"""

import fcntl
import glob
import os
import select
import shutil
import signal
import socket
import sys
import tempfile
import termios
import tty
from typing import IO

from .guest import Unavailable

# How the folder of a guest begins. The rest is the name of the guest.
PREFIX = "fence-vm-"
# Ctrl-] ends the connection.
LEAVE = b"\x1d"
# Ctrl-L: the shell and most programs draw the screen again.
REDRAW = b"\x0c"


def name_of(folder: str) -> str:
    """Returns the name of the guest whose files are in a folder."""
    return os.path.basename(folder).removeprefix(PREFIX)


def connect(path: str) -> socket.socket | None:
    """Returns a connection to a line of a guest, or None if the guest is gone."""
    line = socket.socket(socket.AF_UNIX)
    try:
        line.connect(path)
    except OSError:
        line.close()
        return None
    return line


class Guest:
    """The lines of a guest that this process is attached to."""

    def __init__(self, folder: str, terminal: socket.socket, control: socket.socket, lock: IO[str]) -> None:
        self.name = name_of(folder)
        self.terminal = terminal
        self.control = control
        # The lock lasts as long as the file is open.
        self.lock = lock

    def send_size(self) -> None:
        """Tells the guest the size of this terminal."""
        columns, rows = shutil.get_terminal_size()
        self.control.sendall(f"{rows} {columns}\n".encode())


def attach(folder: str) -> Guest | None:
    """Attaches to a guest. Returns None if the guest is gone.

    QEMU accepts one connection to each line, and lets a second one wait.
    """
    # The file is kept open for its lock.
    lock = open(os.path.join(folder, "attached"), "w", encoding="ascii")  # noqa: SIM115
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise Unavailable(f"guest {name_of(folder)}: another terminal is attached already") from None
    lines = [connect(os.path.join(folder, name)) for name in ("terminal", "control")]
    if lines[0] and lines[1]:
        return Guest(folder, lines[0], lines[1], lock)
    for line in lines:
        if line:
            line.close()
    lock.close()
    return None


def find(name: str | None) -> Guest:
    """Attaches to the guest with a name, or to the only guest."""
    folders = glob.glob(os.path.join(tempfile.gettempdir(), f"{PREFIX}*", "terminal"))
    folders = sorted(os.path.dirname(path) for path in folders)
    if name is not None:
        folders = [folder for folder in folders if name_of(folder) == name]
    # A guest that was killed may have left its folder.
    running = [folder for folder in folders if is_running(folder)]
    if len(running) > 1:
        names = " ".join(map(name_of, running))
        raise Unavailable(f"there are several guests: name one of {names}")
    found = attach(running[0]) if running else None
    if found:
        return found
    if name is not None:
        raise Unavailable(f"there is no guest {name} with a shell")
    raise Unavailable("there is no guest with a shell: `make shell` starts one")


def is_running(folder: str) -> bool:
    """Returns whether QEMU still listens at the lines of a guest."""
    with open("/proc/net/unix", encoding="utf-8", errors="replace") as file:
        return any(line.split()[-1] == f"{folder}/control" for line in file)


def relay(found: Guest) -> bool:
    """Connects this terminal to that of the guest. Returns whether the guest has ended."""
    found.terminal.sendall(REDRAW)
    while True:
        ready = select.select([sys.stdin, found.terminal], [], [])[0]
        if found.terminal in ready:
            data = found.terminal.recv(65536)
            if not data:
                return True
            os.write(sys.stdout.fileno(), data)
        if sys.stdin in ready:
            data = os.read(sys.stdin.fileno(), 4096)
            typed, leave, _ = data.partition(LEAVE)
            found.terminal.sendall(typed)
            if leave or not data:
                return False


def run(name: str | None) -> int:
    """`scripts/vm attach`."""
    if not sys.stdin.isatty():
        raise Unavailable("attach needs a terminal; `scripts/vm run -- COMMAND` runs a command")
    found = find(name)
    print(f"scripts/vm: the second terminal of guest {found.name}; Ctrl-] leaves it", flush=True)
    found.send_size()
    signal.signal(signal.SIGWINCH, lambda *_: found.send_size())
    mode = termios.tcgetattr(sys.stdin)
    tty.setraw(sys.stdin)
    try:
        ended = relay(found)
    except OSError:
        # QEMU has closed the line while something was sent.
        ended = True
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, mode)
    print(f"\nscripts/vm: {'the guest has ended' if ended else 'the guest goes on'}", flush=True)
    return 0

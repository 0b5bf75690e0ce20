# SPDX-License-Identifier: GPL-2.0
"""Finds the selftests that touch a file. Those that will most likely notice a change come first."""

import os
import re

# For a file, or for all files below a directory: the names of its tests, without `test_`. A name also
# stands for all tests that begin with it: sw_sync for sw_sync_limits.
TOUCHING = {
    "drivers/dma-buf/fence_exporter/": [],
    "abi.rs": ["struct_size", "fields", "misuse", "signal"],
    "agenda.rs": ["signal_at", "quota", "timeout"],
    "engine.rs": ["submit", "quota", "vgem"],
    "events.rs": ["events", "poll", "timeout", "read_held_up", "io_uring"],
    "export.rs": ["create", "misuse", "sw_sync", "quota"],
    "fdinfo.rs": ["info"],
    "limits.rs": ["quota", "setup", "timeout", "sw_sync"],
    "main.rs": ["access", "unload", "quota"],
    "name.rs": ["names", "setup"],
    "node.rs": ["access", "unload"],
    "sw_sync.rs": ["sw_sync", "quota", "shared", "memcg"],
    "users.rs": ["quota"],
    "emission.rs": ["emit_held_up", "sw_sync_held_up"],
    "calls.rs": ["fields", "create", "signal", "setup", "submit", "info", "quota", "misuse", "events",
                 "emit_held_up", "memcg", "due"],
    "device.rs": ["create", "poll", "events", "misuse", "access", "close"],
    "native.rs": ["setup", "events", "signal_at", "submit", "timeout", "quota"],
    "rust/kernel/miscdevice.rs": ["misuse", "access", "poll", "create", "unload", "io_uring"],
    "rust/kernel/sync/poll.rs": ["poll", "events", "close"],
    "rust/kernel/sync/": ["create", "names", "close", "events", "poll"],
    "rust/kernel/dma_buf/": ["signal", "create", "timeout", "sw_sync", "signal_at", "submit", "info",
                             "events", "close", "quota", "races", "trace", "due", "budget", "memcg",
                             "unload"],
}
# The tests of all other files. For files above, these tests follow the named ones.
ALL_AROUND = ["create", "signal", "signal_at", "close", "events", "info", "timeout", "submit", "sw_sync",
              "names", "poll", "shared", "quota", "misuse"]


# A program that takes more seconds than this runs after the others.
QUICK = 3


def order(path, available, killers=(), seconds=()):
    """Returns which of the available programs touch a file, in the order in which they run.

    Programs that have noticed another mutant of the file come first, and slow programs last.
    """
    stems: list[str] = []
    for place, names in TOUCHING.items():
        if path.endswith("/" + place) or path == place:
            stems = names + stems
        elif place.endswith("/") and path.startswith(place):
            stems = stems + names
    # A program with the name of the file touches the file.
    stems.insert(0, os.path.basename(path)[:-3])
    found = []
    for stem in stems + ALL_AROUND:
        found += [name for name in available
                  if re.fullmatch(rf"test_{stem}(_\w+)?", name) and name not in found]
    times = dict(seconds)
    return sorted(found, key=lambda name: (name not in killers, times.get(name, 0) > QUICK))

# SPDX-License-Identifier: GPL-2.0
"""Which selftests touch which file, those first that are the likeliest to notice a change."""

import os
import re

# Of a file, or of all below a directory: what tests of it are called behind `test_`. A name stands
# for those that begin with it, too: sw_sync for sw_sync_limits.
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
# Of files that are not among these, and behind what is named there.
ALL_AROUND = ["create", "signal", "signal_at", "close", "events", "info", "timeout", "submit", "sw_sync",
              "names", "poll", "shared", "quota", "misuse"]


# A program that takes more seconds than this runs behind the others.
QUICK = 3


def order(path, available, killers=(), seconds=()):
    """The programs among those available that touch a file, in the order in which they run.

    Those that have noticed another mutant of the file come first, and those that are slow last.
    """
    stems: list[str] = []
    for place, names in TOUCHING.items():
        if path.endswith("/" + place) or path == place:
            stems = names + stems
        elif place.endswith("/") and path.startswith(place):
            stems = stems + names
    # A program that is called like the file touches it.
    stems.insert(0, os.path.basename(path)[:-3])
    found = []
    for stem in stems + ALL_AROUND:
        found += [name for name in available
                  if re.fullmatch(rf"test_{stem}(_\w+)?", name) and name not in found]
    times = dict(seconds)
    return sorted(found, key=lambda name: (name not in killers, times.get(name, 0) > QUICK))

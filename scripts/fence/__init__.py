# SPDX-License-Identifier: GPL-2.0
"""What the scripts and the runners of the tests share, each module with one subject.

build, vm, programs, kunit     builds by the scripts, guests that are run for what they print
options, guest, qemu, log      scripts/vm: its command line, the guest's files, QEMU, the verdict
tap, ktap, cargo, counts       what tests have reported; sources: which must have run
kbuild, kmi                    the commands that kbuild has saved; what a GKI kernel exports
"""

# The module's parameters with which nothing times out, however slow the machine is, and no
# quota is met.
UNLIMITED = "sw_sync=1 timeout_ms=86400000 max_timeout_ms=86400000 sw_sync_timeout_ms=86400000 " \
            "max_pending=131072"

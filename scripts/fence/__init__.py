# SPDX-License-Identifier: GPL-2.0
"""Code that the scripts and the runners of the tests share. Each module has one subject.

build, vm, programs, kunit     call scripts that build, and run guests
options, guest, qemu, log      scripts/vm: command line, files of the guest, QEMU, verdict
tap, ktap, cargo, counts       read and count the results of tests
sources                        lists the KUnit cases that must run
kbuild, kmi                    read the commands that kbuild saves, and the symbol lists of GKI
"""

# Parameters of the module for tests: on a slow machine, tests exceed the default timeout of a fence.
PATIENT = "timeout_ms=10000 max_timeout_ms=60000"
# Parameters of the module with which no fence times out on a machine of any speed, and no quota is
# reached.
UNLIMITED = "sw_sync=1 timeout_ms=86400000 max_timeout_ms=86400000 sw_sync_timeout_ms=86400000 " \
            "max_pending=131072"

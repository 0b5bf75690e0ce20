# SPDX-License-Identifier: GPL-2.0
"""The parts of tools/vm: the guest's files, QEMU, and the check of the log."""

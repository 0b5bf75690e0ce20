# SPDX-License-Identifier: GPL-2.0
"""What tests report, compared with what must have run: TAP, KUnit and cargo."""

# The module's parameters with which nothing times out, however slow the machine is, and no
# quota is met.
UNLIMITED = "sw_sync=1 timeout_ms=86400000 max_timeout_ms=86400000 sw_sync_timeout_ms=86400000 " \
            "max_pending=131072"

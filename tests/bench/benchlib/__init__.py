# SPDX-License-Identifier: GPL-2.0
"""The parts of tests/bench/run: the guest, the profile, the comparison with targets, the reports."""

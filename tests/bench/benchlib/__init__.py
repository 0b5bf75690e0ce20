# SPDX-License-Identifier: GPL-2.0
"""The parts of tests/bench/run: running it, the profile, the judgement, the reports."""

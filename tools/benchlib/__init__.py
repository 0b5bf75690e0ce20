# SPDX-License-Identifier: GPL-2.0
"""The parts of tools/bench: running it, the profile, the judgement, the reports."""

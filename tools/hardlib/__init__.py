# SPDX-License-Identifier: GPL-2.0
"""The parts of tools/hard: the fuzzer's results, and what they cover of the module."""

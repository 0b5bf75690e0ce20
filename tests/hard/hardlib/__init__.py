# SPDX-License-Identifier: GPL-2.0
"""The parts of tests/hard/run: the fuzzer's results, and what they cover of the module."""

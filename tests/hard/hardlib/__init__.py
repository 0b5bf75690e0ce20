# SPDX-License-Identifier: GPL-2.0
"""The parts of tests/hard/run: the fuzzer's results, and the code of the module that it covers."""

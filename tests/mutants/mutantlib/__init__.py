# SPDX-License-Identifier: GPL-2.0
"""The parts of tests/mutants/run: changing the code, building it, and running the tests."""

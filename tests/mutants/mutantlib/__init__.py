# SPDX-License-Identifier: GPL-2.0
"""The parts of tests/mutants/run: what is changed, how it is built, and what notices."""

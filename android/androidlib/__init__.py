# SPDX-License-Identifier: GPL-2.0
"""The parts of android/check: what Kleaf, Soong and SELinux are told."""

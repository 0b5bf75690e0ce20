# SPDX-License-Identifier: GPL-2.0
"""The parts of tools/android_check: what Kleaf, Soong and SELinux are told."""

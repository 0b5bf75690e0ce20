/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Finds out how late an event may be on this machine. Emulated processors share a busy
 * machine, and may stand still while the machine does other work. So there is no fixed
 * limit. On each processor, a thread sleeps for a few milliseconds again and again. A test
 * compares a delay with how late these threads woke up at the same time.
 */
#ifndef SELFTEST_LATENESS_H
#define SELFTEST_LATENESS_H

#include <stdbool.h>
#include <linux/types.h>

/* Watches the processors until the process ends. Returns -errno on failure. */
int lateness_watch(void);
/* Returns whether @at is not before @from, and not too late for @until. If not, says why. */
bool in_time(__u64 at, __u64 from, __u64 until);

#endif

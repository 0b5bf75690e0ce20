/* SPDX-License-Identifier: GPL-2.0 */
/* Fault injection: the nth allocation, or copy from or to user space, fails. */
#ifndef SELFTEST_FAIL_H
#define SELFTEST_FAIL_H

#include <stdbool.h>

/* Makes injected faults also hit allocations that may sleep, and keeps them out of the log. */
void fail_prepare(void);
/*
 * Calls fail_prepare(), and returns a descriptor for the calls below. Returns -errno if the kernel
 * has no fault injection.
 */
int fail_open(void);
/* Makes the @nth place that can fail from now on fail in this thread. 0 disarms the fault. */
void fail_arm(int fail_nth, int nth);
/* Returns whether the armed fault was reached. */
bool fail_reached(int fail_nth);

#endif

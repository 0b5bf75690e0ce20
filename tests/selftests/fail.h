/* SPDX-License-Identifier: GPL-2.0 */
/* Fault injection: the nth allocation, or copy from or to user space, fails. */
#ifndef SELFTEST_FAIL_H
#define SELFTEST_FAIL_H

#include <stdbool.h>

/* Allocations that may wait fail, too, and nothing of it is in the log. */
void fail_prepare(void);
/* The same, and a descriptor for the calls below, or -errno in a kernel that has none. */
int fail_open(void);
/* Makes the @nth place from now on fail, in this thread; with 0, none. */
void fail_arm(int fail_nth, int nth);
/* Whether that place was reached. */
bool fail_reached(int fail_nth);

#endif

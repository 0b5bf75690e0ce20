/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A late timer, made on purpose: a processor that runs no softirqs for a while, since it
 * signals a fence that thousands wait for, with interrupts off. With PREEMPT_RT interrupts are
 * on, but the thread has a higher priority than the one that calls timers.
 *
 * How long that takes depends on the machine. So a test may use this to make a mistake
 * likely that needs a late timer, and must not rely on it: what it checks holds for a timer
 * that comes in time, too.
 */
#ifndef SELFTEST_BUSY_H
#define SELFTEST_BUSY_H

#include <linux/types.h>

struct busy {
	int tl;
	int fence;
	int *waiters;
	int count;
};

/* Makes the fence, and those who wait for it. -errno where it fails. */
int busy_prepare(struct busy *busy);
/* Signals it at @time, in the calling thread, which becomes a real-time thread. */
void busy_from(struct busy *busy, __u64 time);
void busy_end(struct busy *busy);

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Makes a timer late on purpose. A processor signals a fence that has thousands of waiters.
 * Meanwhile it runs no softirqs, because interrupts are off. With PREEMPT_RT, interrupts are
 * on, but the thread has a higher priority than the thread that calls timers.
 *
 * How long that takes depends on the machine. So a test may use this to make a fault likely
 * that needs a late timer, but must also hold for a timer that is on time.
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

/* Creates the fence and its waiters. Returns -errno on failure. */
int busy_prepare(struct busy *busy);
/* Signals the fence at @time in the calling thread, which becomes a real-time thread. */
void busy_from(struct busy *busy, __u64 time);
void busy_end(struct busy *busy);

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How late something may be. Emulated processors share a busy machine, and may stand
 * still for as long as that has other things to do. So there is no fixed limit: what is
 * late is compared with how late threads were woken up in the meantime that sleep for a
 * few milliseconds on each processor, and do nothing else.
 */
#ifndef SELFTEST_LATENESS_H
#define SELFTEST_LATENESS_H

#include <stdbool.h>
#include <linux/types.h>

/* Begins to watch the processors, until the process ends. -errno where it can't. */
int lateness_watch(void);
/* Whether @at is not before @from, and not late for @until. Says on stderr what is wrong. */
bool in_time(__u64 at, __u64 from, __u64 until);

#endif

// SPDX-License-Identifier: GPL-2.0
/*
 * The clock of the benchmark. Where it counts instructions, so does it.
 */
#include "bench.h"
#include "mark.h"

static __u64 began, sum;
/* The cost of reading the clock, for one start and one stop. */
static __u64 own;

void stopwatch_start(void)
{
	mark(BEGIN);
	began = now_ns();
}

void stopwatch_stop(void)
{
	__u64 took = now_ns() - began;

	mark(END);
	sum += took > own ? took - own : 0;
}

void stopwatch_add(__u64 amount)
{
	sum += amount;
}

__u64 stopwatch_read(void)
{
	__u64 read = sum;

	sum = 0;
	mark(REPORT);
	return read;
}

void stopwatch_setup(void)
{
	__u64 least = ~0ULL;
	int i;

	for (i = 0; i < 64; i++) {
		__u64 from = now_ns();
		__u64 took = now_ns() - from;

		if (took < least)
			least = took;
	}
	own = least;
}

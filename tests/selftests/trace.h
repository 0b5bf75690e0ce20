/* SPDX-License-Identifier: GPL-2.0 */
/* The dma_fence events of the kernel's trace. */
#ifndef SELFTEST_TRACE_H
#define SELFTEST_TRACE_H

struct traced {
	/* Without dma_fence_: init, emit, enable_signal, signaled, destroy, ... */
	char name[32];
	char timeline[32];
	unsigned int context;
	unsigned int seqno;
};

/* Empties the trace and enables the events; -errno if this kernel has none. */
int trace_fences(void);
void trace_stop(void);
/* The events of fences whose timeline is then named so, or of all if NULL: their number. */
int trace_read(const char *timeline, struct traced *events, int most);
/* The place of an event among @count, or -1. */
int trace_find(const struct traced *events, int count, const char *name, unsigned int seqno);
/* Has the trace tell softirqs of timers as well, and have room for many events. */
int trace_softirqs(void);
/* Most fences that were signalled in one softirq; -errno. */
int trace_most_in_a_softirq(void);
int trace_count(const struct traced *events, int count, const char *name);

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/* The dma_fence events of the kernel's trace, and the module's. */
#ifndef SELFTEST_TRACE_H
#define SELFTEST_TRACE_H

struct traced {
	/* The name without "dma_fence_": init, emit, enable_signal, signaled, destroy, ... */
	char name[32];
	char timeline[32];
	unsigned int context;
	unsigned int seqno;
};

/* Empties the trace, and enables the events. Returns -errno if this kernel has none. */
int trace_fences(void);
void trace_stop(void);
/*
 * Reads the events of all fences whose timeline has the name @timeline at the time of the event, or
 * of all fences if @timeline is NULL. Returns how many there are.
 */
int trace_read(const char *timeline, struct traced *events, int most);
/* Returns the index of an event among @count events, or -1. */
int trace_find(const struct traced *events, int count, const char *name, unsigned int seqno);
/* Also traces the softirqs of timers, and makes room for many events. */
int trace_softirqs(void);
/* Returns the largest number of fences that one softirq has signaled, or -errno. */
int trace_most_in_a_softirq(void);
int trace_count(const struct traced *events, int count, const char *name);

/* An event of the module: a fence signals, or receives a deadline. */
struct traced_status {
	/* The event's name without "fence_": signaled, deadline. */
	char name[32];
	char driver[32];
	char timeline[32];
	unsigned long long context;
	unsigned long long seqno;
	/* Valid for "signaled". */
	int status;
	char cause[32];
	/* The timestamp, or the deadline. */
	long long time;
	/* The number of the event's line in the trace. */
	int line;
};

/* Also enables the module's events, after trace_fences(). Returns -errno if there are none. */
int trace_statuses(void);
/* Reads the module's events of the fences of @driver, in order. Returns how many there are. */
int trace_read_statuses(const char *driver, struct traced_status *events, int most);
/* Returns the number of the line that has an event of the core, or -1. */
int trace_line(const char *name, unsigned int context, unsigned int seqno);

#endif

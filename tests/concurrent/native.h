/* SPDX-License-Identifier: GPL-2.0 */
/* A round on a timeline of /dev/fence_exporter: what its threads share, and what they call. */
#ifndef NATIVE_H
#define NATIVE_H

#include <linux/fence_exporter.h>

#include "concurrent.h"
#include "process.h"

#define MOST_FENCES	16384
#define DAY_NS		(86400 * NSEC_PER_SEC)
/* Deadlines that the threads set: so many from the round's on. */
#define DEADLINES	1000
/* The status of the first call that signals; the next one has one less. */
#define FIRST_STATUS	(-200)
#define MOST_SIGNALS	3000

/* A SIGNAL, or a SIGNAL_AT. */
struct signal {
	__u64 seqno;
	/* SIGNAL_AT: its time, and when it had returned. */
	__u64 time_ns;
	__u64 returned_ns;
	/* SIGNAL: how many fences it has signaled. */
	__s64 answer;
	atomic_bool begun;
	/* How many fences have its status, at the end. */
	__s64 found;
};

struct native {
	struct round round;
	int tl;
	unsigned int workers;
	unsigned int calls;
	/* Fences of CREATE calls that have begun, and that have returned. */
	atomic_ullong creating, created;
	/* The highest number of a SIGNAL that has returned. */
	atomic_ullong signaled;
	/* What is pending at the end is left to close(2), and that has been called, or will be. */
	bool left;
	atomic_bool closing;
	/* Of each fence. A day, or so short that some fences time out. */
	__u64 timeout_ns;
	__u64 deadline;
	atomic_uint signal_count;
	struct signal signals[MOST_SIGNALS];
	/* By number; -1 before CREATE has returned. */
	atomic_int fds[MOST_FENCES + 1];
	/* When CREATE of a fence was called, and when it had returned. */
	__u64 called_ns[MOST_FENCES + 1];
	__u64 created_ns[MOST_FENCES + 1];
	/* WAIT events of each fence. */
	atomic_uchar waits[MOST_FENCES + 1];
	struct thread threads[MOST_WORKERS + WAITERS];
	struct fence_exporter_info last_info[MOST_WORKERS + WAITERS];
};

/* native_calls.c */
/* 2, but for the time. */
void native_check_status(struct native *round, __u64 seqno, int status);
/* Reads the status of a fence, and checks 1 and 2. */
int native_check(struct native *round, __u64 seqno);
/* 7, for a fence that was seen signaled. */
void native_check_signaled(struct native *round, __u64 seqno);
/* The number of some fence whose CREATE has returned, or 0. */
__u64 native_any(struct native *round, struct rng *rng);
void native_create(struct native *round, unsigned int count);
/* Notes the next call that signals, which has the status *@status; NULL if there were too many. */
struct signal *native_next_signal(struct native *round, __u64 seqno, __u64 time_ns, int *status);
void native_call(struct native *round, struct thread *thread);

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/* A round on a timeline of /dev/fence_exporter: what its threads share, and what they call. */
#ifndef NATIVE_H
#define NATIVE_H

#include <linux/fence_exporter.h>

#include "concurrent.h"
#include "process.h"

#define MOST_FENCES	16384
#define DAY_NS		(86400 * NSEC_PER_SEC)
/* Threads set deadlines from the round's deadline on, up to this many nanoseconds later. */
#define DEADLINES	1000
/* The status of the first call that signals. Each further call uses a status lower by one. */
#define FIRST_STATUS	(-200)
#define MOST_SIGNALS	3000

/* A call of SIGNAL or SIGNAL_AT. */
struct signal {
	__u64 seqno;
	/* Only for SIGNAL_AT: the time that the call asks for, and when the call had returned. */
	__u64 time_ns;
	__u64 returned_ns;
	/* Only for SIGNAL: how many fences the call has signaled. */
	__s64 answer;
	atomic_bool begun;
	/* Only for SIGNAL_AT: how many SIGNALED events the call has caused. */
	atomic_uint told;
	/* How many fences have the status of this call at the end. */
	__s64 found;
};

struct native {
	struct round round;
	int tl;
	unsigned int workers;
	unsigned int calls;
	/* How many fences belong to CREATE calls that have begun, and that have returned. */
	atomic_ullong creating, created;
	/* The highest number of a SIGNAL call that has returned. */
	atomic_ullong signaled;
	/*
	 * If @left is set, close(2) completes the fences that are pending at the end. @closing is
	 * set before that close(2).
	 */
	bool left;
	atomic_bool closing;
	/* The timeout of each fence: a day, or so short that some fences time out. */
	__u64 timeout_ns;
	__u64 deadline;
	atomic_uint signal_count;
	struct signal signals[MOST_SIGNALS];
	/* Descriptors by fence number. -1 until CREATE has returned. */
	atomic_int fds[MOST_FENCES + 1];
	/* For each fence, when its CREATE was called, and when it had returned. */
	__u64 called_ns[MOST_FENCES + 1];
	__u64 created_ns[MOST_FENCES + 1];
	/* The number of WAIT events of each fence. */
	atomic_uchar waits[MOST_FENCES + 1];
	struct thread threads[MOST_WORKERS + WAITERS];
	struct fence_exporter_info last_info[MOST_WORKERS + WAITERS];
};

/* native_calls.c */
/* Checks invariant 2, without the time. */
void native_check_status(struct native *round, __u64 seqno, int status);
/* Reads the status of a fence, and checks invariants 1 and 2. Returns the status. */
int native_check(struct native *round, __u64 seqno);
/* Checks invariant 7 for a fence that was seen signaled. */
void native_check_signaled(struct native *round, __u64 seqno);
/* Returns the number of some fence whose CREATE has returned, or 0. */
__u64 native_any(struct native *round, struct rng *rng);
void native_create(struct native *round, unsigned int count);
/* Records a call that is about to signal, and chooses *@status. NULL if there is no room. */
struct signal *native_next_signal(struct native *round, __u64 seqno, __u64 time_ns, int *status);
void native_call(struct native *round, struct thread *thread);

#endif

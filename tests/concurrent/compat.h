/* SPDX-License-Identifier: GPL-2.0 */
/* A round on a timeline of sw_sync: what its threads share, and what they call. */
#ifndef COMPAT_H
#define COMPAT_H

#include "concurrent.h"

/* The largest number of fences that a round begins with. */
#define MOST_FILLED	16000
/* Threads set deadlines from the round's deadline on, up to this many nanoseconds later. */
#define DEADLINES	1000

struct fence {
	int fd;
	__u64 least, greatest;
	/* Whether the fence was still pending after its CREATE_FENCE had returned. */
	bool seen_pending;
	__u64 time;
};

/* The fences that a thread has created. Other threads read the list while it grows. */
struct fences {
	struct fence list[MOST_FILLED + 1];
	atomic_uint count;
};

struct compat {
	struct round round;
	int tl;
	atomic_ullong begun, returned;
	/* The first worker's INC over many fences, with which the round begins, has returned. */
	atomic_bool passed;
	/* Whether the last descriptor of a fence may be closed while another thread calls INC. */
	bool forgets;
	/* close(2) has been called, or is about to be called. */
	atomic_bool closing;
	unsigned int filled;
	/* Whether all fences that exist at the beginning have one number, and each is polled. */
	bool crowd;
	/* Whether the first calls of the threads are chosen so that they race with each other. */
	bool meeting;
	unsigned int calls;
	__u64 deadline;
	unsigned int workers;
	struct thread threads[MOST_WORKERS + WAITERS];
	/* First the fences that exist at the beginning, then those of each worker. */
	struct fences fences[1 + MOST_WORKERS];
};

/* compat_calls.c */
/* Reads the status of a fence, and checks invariants 1, 2 and 3. Returns the status. */
int compat_check(struct compat *round, const struct fence *fence);
/* Creates a fence that stays open until the end of the round. */
void compat_create(struct compat *round, struct fences *fences, __u32 value);
void compat_increment(struct compat *round, __u32 by);
/* Returns a random fence, or NULL if the thread that was chosen has none. */
const struct fence *compat_any(struct compat *round, struct rng *rng);
void compat_call(struct compat *round, struct thread *thread);
/*
 * The first worker passes many fences by one step. While that INC runs, other workers advance the
 * timeline by half of all values, or create a fence far ahead.
 */
void compat_meet(struct compat *round, struct thread *thread);

#endif

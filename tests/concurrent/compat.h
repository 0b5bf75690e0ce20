/* SPDX-License-Identifier: GPL-2.0 */
/* A round on a timeline of sw_sync: what its threads share, and what they call. */
#ifndef COMPAT_H
#define COMPAT_H

#include "concurrent.h"

/* What a round begins with, at most. */
#define MOST_FILLED	16000
/* Deadlines that the threads set: so many from the round's on. */
#define DEADLINES	1000

struct fence {
	int fd;
	__u64 least, greatest;
	/* It was pending after its CREATE_FENCE had returned. */
	bool seen_pending;
	__u64 time;
};

/* The fences that a thread has created. The thread adds to them while others look at them. */
struct fences {
	struct fence list[MOST_FILLED + 1];
	atomic_uint count;
};

struct compat {
	struct round round;
	int tl;
	atomic_ullong begun, returned;
	/* Of the calls that the round begins with: INC over many fences has returned. */
	atomic_bool passed;
	/* The last descriptor of a fence may be closed while another thread calls INC. */
	bool forgets;
	/* close(2) has been called, or will be at once. */
	atomic_bool closing;
	unsigned int filled;
	/* All fences of the beginning have one number, and each is polled. */
	bool crowd;
	/* The first calls of the threads are drawn so that they meet. */
	bool meeting;
	unsigned int calls;
	__u64 deadline;
	unsigned int workers;
	struct thread threads[MOST_WORKERS + WAITERS];
	/* Those of the beginning, then those of each worker. */
	struct fences fences[1 + MOST_WORKERS];
};

/* compat_calls.c */
/* Reads the status of a fence, and checks what holds of one fence: 1, 2 and 3. */
int compat_check(struct compat *round, const struct fence *fence);
/* Creates a fence that stays open until the end of the round. */
void compat_create(struct compat *round, struct fences *fences, __u32 value);
void compat_increment(struct compat *round, __u32 by);
/* Any of the fences; NULL if the thread that was drawn has none. */
const struct fence *compat_any(struct compat *round, struct rng *rng);
void compat_call(struct compat *round, struct thread *thread);
/*
 * The first worker passes many fences by one step; the others call while it is at it: one
 * passes half of all values, another one creates a fence far ahead.
 */
void compat_meet(struct compat *round, struct thread *thread);

#endif

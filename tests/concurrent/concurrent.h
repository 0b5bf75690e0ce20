/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The parts of the concurrent test.
 *
 *   concurrent.c    options, rounds, results
 *   round.c         what the rounds of both nodes share: numbers, threads, complaints
 *   compat.c        a round on a timeline of sw_sync, ours or the kernel's
 *   compat_calls.c  the calls of its threads, and what must hold of each
 *   native.c        a round on a timeline of /dev/fence_exporter
 *   native_calls.c  the calls of its threads, and what must hold of each
 */
#ifndef CONCURRENT_H
#define CONCURRENT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <linux/types.h>

#include "kselftest.h"

#define MOST_THREADS	8
/* What waits for fences in a round. */
#define WAITERS		2
#define MOST_WORKERS	4

/* Numbers that a seed stands for. */
struct rng {
	__u64 state;
};

__u32 draw(struct rng *rng);
/* One of 0 to @count - 1. */
__u32 draw_below(struct rng *rng, __u32 count);

/* A round: threads that work on one timeline. Each kind of round has it as its first member. */
struct round {
	__u32 seed;
	atomic_uint violations;
	/* All fences have signaled: waiters have nothing left to wait for. */
	atomic_bool over;
	pthread_barrier_t begin;
};

/* A thread of a round, with numbers of its own: what it calls doesn't depend on the others. */
struct thread {
	pthread_t id;
	struct round *round;
	unsigned int number;
	struct rng rng;
};

void round_init(struct round *round, __u32 seed, unsigned int threads);
void round_start(struct round *round, struct thread *thread, unsigned int number,
		 void *(*run)(void *thread));
/*
 * Waits for a thread that has nothing left to wait for. If the thread doesn't end within
 * LONG_MS, the test ends with a message that names what the thread is.
 */
void round_join(struct round *round, struct thread *thread, const char *what);

/* Says which invariant is violated, and with which seed; the first ones of a round. */
__printf(2, 3)
void violated(struct round *round, const char *format, ...);

/* Whether poll(2), without waiting, finds that a fence has signaled. */
bool polls_as_signaled(int fd);

/* A round: false if an invariant was violated. */
bool compat_round(const char *path, __u32 seed);
bool native_round(const char *path, __u32 seed);

#endif

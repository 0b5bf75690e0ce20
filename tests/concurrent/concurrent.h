/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The parts of the concurrent test.
 *
 *   concurrent.c    options, rounds, results
 *   round.c         code that the rounds of both nodes share: numbers, threads, messages
 *   compat.c        a round on a timeline of /dev/sw_sync or of the kernel's sw_sync
 *   compat_calls.c  the calls of its threads, and the checks of each call
 *   native.c        a round on a timeline of /dev/fence_exporter
 *   native_calls.c  the calls of its threads, and the checks of each call
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
/* The number of waiters of a round. */
#define WAITERS		2
#define MOST_WORKERS	4

/* Random numbers that a seed determines. */
struct rng {
	__u64 state;
};

__u32 draw(struct rng *rng);
/* Returns a number from 0 to @count - 1. */
__u32 draw_below(struct rng *rng, __u32 count);

/* A round: threads that work on one timeline. Each kind of round has it as its first member. */
struct round {
	__u32 seed;
	atomic_uint violations;
	/* All fences have signaled. So the waiters must end. */
	atomic_bool over;
	pthread_barrier_t begin;
};

/* A thread of a round. Its random numbers do not depend on other threads. */
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
 * Waits for the end of a thread whose fences have signaled. If the thread doesn't end within
 * LONG_MS, the test ends with a message that names the thread.
 */
void round_join(struct round *round, struct thread *thread, const char *what);

/* Prints which invariant is violated, and the seed. Prints only the first violations of a round. */
__printf(2, 3)
void violated(struct round *round, const char *format, ...);

/* Returns whether poll(2), without waiting, finds that a fence has signaled. */
bool polls_as_signaled(int fd);

/* Runs a round. Returns false if an invariant was violated. */
bool compat_round(const char *path, __u32 seed);
bool native_round(const char *path, __u32 seed);

#endif

// SPDX-License-Identifier: GPL-2.0
/* Code that the rounds of both nodes share. */
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "concurrent.h"
#include "fence.h"

#define MOST_TOLD	8

/* The splitmix64 generator (Steele, Lea, Flood). */
__u32 draw(struct rng *rng)
{
	__u64 z = rng->state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return (z ^ (z >> 31)) >> 32;
}

__u32 draw_below(struct rng *rng, __u32 count)
{
	return draw(rng) % count;
}

void round_init(struct round *round, __u32 seed, unsigned int threads)
{
	round->seed = seed;
	pthread_barrier_init(&round->begin, NULL, threads);
}

void round_start(struct round *round, struct thread *thread, unsigned int number,
		 void *(*run)(void *thread))
{
	int ret;

	thread->round = round;
	thread->number = number;
	thread->rng.state = (__u64)round->seed * MOST_THREADS + number;
	ret = pthread_create(&thread->id, NULL, run, thread);
	if (ret) {
		printf("# a thread can't be created: %s\n", strerror(ret));
		exit(1);
	}
}

void round_join(struct round *round, struct thread *thread, const char *what)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 3 * LONG_MS / 1000;
	if (!pthread_timedjoin_np(thread->id, NULL, &until))
		return;
	violated(round, "%s has nothing left to wait for, and doesn't end", what);
	exit(1);
}

void violated(struct round *round, const char *format, ...)
{
	char text[256];
	va_list args;

	if (atomic_fetch_add(&round->violations, 1) >= MOST_TOLD)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	printf("# seed %u: %s\n", round->seed, text);
}

bool polls_as_signaled(int fd)
{
	struct pollfd fds = { .fd = fd, .events = POLLIN };

	return poll(&fds, 1, 0) == 1;
}

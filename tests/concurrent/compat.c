// SPDX-License-Identifier: GPL-2.0
/*
 * Several threads use a timeline of sw_sync, of this module or of the kernel, at the same time.
 *
 * The model has no locks and no order of calls. It has two sums of 64 bits: of all steps
 * that an INC has begun to add, and of all steps whose INC has returned. Whatever the
 * interleaving, the timeline's value lies between the two:
 *
 *     returned <= value <= begun
 *
 * since a step is part of `begun` before its INC is called, and part of `returned` after it.
 * Both are read without a lock, hence the order in which they are read matters: `returned`
 * before the call that is checked, `begun` after it.
 *
 * CREATE_FENCE takes 32 bits, which mean the number closest to the value that the call finds:
 * value + (s32)(number - (u32)value), from 2^31 behind it to 2^31 - 1 ahead. This number never
 * falls while the value grows. So `returned` from before the call gives the least number that the
 * fence may have, and `begun` from after it the greatest one; mostly they are the same.
 *
 * The invariants, each of which holds for every interleaving:
 *
 * 1. A fence whose greatest number is at most `returned` is not pending. Among the calls of INC
 *    that have returned, one was the last to add its step. The value was `returned` or more then,
 *    and that call has signaled everything up to there before it returned.
 * 2. A fence whose least number is above `begun` is pending: the value has not reached it.
 * 3. While the timeline is open, a status is 0 or 1. Nothing times out: the module is loaded with
 *    a timeout of a day.
 * 4. Of two fences that each were seen pending after they were created, the one with the lower
 *    number has not signaled later than the other. Both were in the timeline: whatever signals the
 *    higher one passes the lower one first. If the lower one was added after the value
 *    had passed it, then its CREATE_FENCE signals it, and it isn't seen pending.
 * 5. Two fences of one number, each seen pending, are one fence: the second CREATE_FENCE found the
 *    first fence in the timeline, since that was pending still when the second call returned.
 *    So both have signaled at one time.
 * 6. A merged sync_file that has signaled has no pending member.
 * 7. A waiter that was woken finds that its fence has signaled.
 * 8. A fence that is pending after SET_DEADLINE has taken the deadline: GET_DEADLINE answers that
 *    one or an earlier one, which some thread has set. If the fence signals before GET_DEADLINE,
 *    then the kernel's node doesn't know it any more.
 * 9. When all threads have ended, `returned` is `begun` and thus the value, and 1 and 2 tell the
 *    state of each fence. close(2) leaves the fences that have signaled as they are, and
 *    completes the others with -ENOENT.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "compat.h"
#include "fence.h"
#include "sw_sync.h"

/* The model's value of a new timeline. It is not 0, because fences may be behind the value. */
#define ORIGIN		(1ULL << 32)
#define MOST_CALLS	120

static void *work(void *arg)
{
	struct thread *thread = arg;
	struct compat *round = (struct compat *)thread->round;
	unsigned int i;

	pthread_barrier_wait(&round->round.begin);
	if (round->meeting)
		compat_meet(round, thread);
	for (i = 0; i < round->calls; i++)
		compat_call(round, thread);
	return NULL;
}

static void *wait_for_fences(void *arg)
{
	struct thread *thread = arg;
	struct compat *round = (struct compat *)thread->round;

	pthread_barrier_wait(&round->round.begin);
	while (!atomic_load(&round->round.over)) {
		const struct fence *fence = compat_any(round, &thread->rng);
		struct pollfd fds = { .events = POLLIN };

		if (!fence || compat_check(round, fence) != 0) {
			sched_yield();
			continue;
		}
		fds.fd = fence->fd;
		if (poll(&fds, 1, -1) != 1 || fence_status(fence->fd) == 0)
			violated(&round->round, "fence %llu is pending, but its waiter was woken",
				 fence->least);
	}
	return NULL;
}

/*
 * Fills the timeline before the threads start: with many fences, or with one fence that has many
 * sync_files.
 */
static void fill(struct compat *round, struct rng *rng)
{
	static const unsigned int sizes[] = { 16, 500, 3000, MOST_FILLED };
	static const __u32 values[] = { 0, INT_MAX, -8000U, UINT_MAX, 1U << 30 };
	struct fences *fences = &round->fences[0];
	__u32 value = values[draw_below(rng, 5)];
	unsigned int i;

	round->filled = sizes[draw_below(rng, 4)];
	round->meeting = round->filled > 16 && draw(rng) % 4;
	round->crowd = round->filled > 16 && round->filled < MOST_FILLED && draw(rng) % 2;
	/*
	 * A long timeline gets few calls, because the races that the test is after occur in the
	 * first calls.
	 */
	round->calls = 20 + draw_below(rng, MOST_CALLS - 20);
	compat_increment(round, value);
	for (i = 0; i < round->filled; i++) {
		compat_create(round, fences, value + 1 + (round->crowd ? 0 : i));
		if (round->crowd)
			polls_as_signaled(fences->list[i].fd);
	}
	/* A fence that the step of the first worker does not reach. */
	compat_create(round, fences, value + round->filled + 1 + draw_below(rng, 50000));
}

static int by_number(const void *a, const void *b)
{
	const struct fence *const *left = a;
	const struct fence *const *right = b;

	return (*left)->least < (*right)->least ? -1 : (*left)->least > (*right)->least;
}

/* Checks invariants 4 and 5 for the fences whose number is known exactly. */
static void check_times(struct compat *round)
{
	static struct fence *sorted[(1 + MOST_WORKERS) * (MOST_FILLED + 1)];
	unsigned int count = 0;
	unsigned int i, j;

	for (i = 0; i <= round->workers; i++) {
		for (j = 0; j < atomic_load(&round->fences[i].count); j++) {
			struct fence *fence = &round->fences[i].list[j];

			if (!fence->seen_pending || fence->least != fence->greatest)
				continue;
			fence->time = fence_time(fence->fd);
			sorted[count++] = fence;
		}
	}
	qsort(sorted, count, sizeof(*sorted), by_number);
	for (i = 1; i < count; i++) {
		const struct fence *low = sorted[i - 1];
		const struct fence *high = sorted[i];

		if (low->time > high->time ||
		    (low->least == high->least && low->time != high->time))
			violated(&round->round, "fence %llu at the time %llu, %llu at %llu",
				 low->least, low->time, high->least, high->time);
	}
}

static void check_all(struct compat *round)
{
	unsigned int i, j;

	for (i = 0; i <= round->workers; i++)
		for (j = 0; j < atomic_load(&round->fences[i].count); j++)
			compat_check(round, &round->fences[i].list[j]);
}

/* Checks invariant 9 after the timeline was closed. */
static void check_closed(struct compat *round)
{
	__u64 value = atomic_load(&round->returned);
	unsigned int i, j;

	for (i = 0; i <= round->workers; i++) {
		for (j = 0; j < atomic_load(&round->fences[i].count); j++) {
			const struct fence *fence = &round->fences[i].list[j];
			int status = fence_status(fence->fd);

			if (status != 1 && status != -ENOENT)
				violated(&round->round, "closed: fence %llu has the status %d",
					 fence->least, status);
			if (status == 1 ? fence->least > value : fence->greatest <= value)
				violated(&round->round, "closed at %llu: fence %llu is %d",
					 value, fence->least, status);
		}
	}
}

static void finish(struct compat *round, struct rng *rng)
{
	unsigned int i;

	check_all(round);
	if (draw(rng) % 2) {
		/* These two steps reach every fence: none is further ahead. */
		compat_increment(round, INT_MAX);
		compat_increment(round, INT_MAX);
		check_all(round);
	}
	atomic_store(&round->closing, true);
	close(round->tl);
	atomic_store(&round->round.over, true);
	for (i = 0; i < WAITERS; i++)
		round_join(&round->round, &round->threads[round->workers + i], "a waiter");
	check_closed(round);
	check_times(round);
}

bool compat_round(const char *path, __u32 seed)
{
	static struct compat round;
	struct rng rng = { .state = ~(__u64)seed };
	int fds = count_fds();
	unsigned int i, j;

	round.round.violations = 0;
	round.round.over = false;
	for (i = 0; i <= MOST_WORKERS; i++)
		round.fences[i].count = 0;
	round.passed = false;
	round.closing = false;
	round.begun = ORIGIN;
	round.returned = ORIGIN;
	round.deadline = now_ns();
	/*
	 * The last reference to a fence may have been put while the fence still waits for the
	 * timeline's lock to unlink itself. The kernel's INC (7.3) takes a reference to such a
	 * fence: the kernel warns, and crashes.
	 */
	round.forgets = strcmp(path, SW_SYNC_KERNEL);
	round.workers = 2 + draw_below(&rng, MOST_WORKERS - 1);
	round_init(&round.round, seed, round.workers + WAITERS);
	round.tl = sw_sync_open(path);
	if (round.tl < 0) {
		violated(&round.round, "open: %d", round.tl);
		return false;
	}
	fill(&round, &rng);
	for (i = 0; i < round.workers + WAITERS; i++)
		round_start(&round.round, &round.threads[i], i,
			    i < round.workers ? work : wait_for_fences);
	for (i = 0; i < round.workers; i++)
		pthread_join(round.threads[i].id, NULL);
	finish(&round, &rng);
	for (i = 0; i <= round.workers; i++)
		for (j = 0; j < round.fences[i].count; j++)
			close(round.fences[i].list[j].fd);
	if (count_fds() != fds)
		violated(&round.round, "%d descriptors, %d before", count_fds(), fds);
	pthread_barrier_destroy(&round.round.begin);
	return !atomic_load(&round.round.violations);
}

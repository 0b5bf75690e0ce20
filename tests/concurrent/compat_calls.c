// SPDX-License-Identifier: GPL-2.0
/* The calls of the threads of a round on sw_sync. The head of compat.c lists the invariants. */
#include <errno.h>
#include <limits.h>
#include <unistd.h>

#include "compat.h"
#include "fence.h"
#include "sw_sync.h"

#define CHECKS		4

static __u64 number_of(__u32 value, __u64 at)
{
	return at + (__s64)(__s32)(value - (__u32)at);
}

int compat_check(struct compat *round, const struct fence *fence)
{
	__u64 returned = atomic_load(&round->returned);
	int status = fence_status(fence->fd);
	__u64 begun = atomic_load(&round->begun);

	if (status != 0 && status != 1 && !(status == -ENOENT && atomic_load(&round->closing)))
		violated(&round->round, "fence %llu has the status %d", fence->least, status);
	if (status == 0 && fence->greatest <= returned)
		violated(&round->round, "fence %llu is pending at %llu", fence->greatest, returned);
	if (status == 1 && fence->least > begun)
		violated(&round->round, "fence %llu has signaled at %llu", fence->least, begun);
	return status;
}

/* Creates a fence. Returns -errno on failure. */
static int create(struct compat *round, struct fence *fence, __u32 value)
{
	__u64 returned = atomic_load(&round->returned);
	int fd = sw_sync_create(round->tl, value);
	__u64 begun = atomic_load(&round->begun);

	if (fd < 0) {
		violated(&round->round, "CREATE_FENCE of %u answers %d", value, fd);
		return fd;
	}
	*fence = (struct fence) {
		.fd = fd,
		.least = number_of(value, returned),
		.greatest = number_of(value, begun),
	};
	fence->seen_pending = compat_check(round, fence) == 0;
	return 0;
}

void compat_create(struct compat *round, struct fences *fences, __u32 value)
{
	unsigned int count = atomic_load(&fences->count);

	if (!create(round, &fences->list[count], value))
		atomic_store(&fences->count, count + 1);
}

void compat_increment(struct compat *round, __u32 by)
{
	int ret;

	atomic_fetch_add(&round->begun, by);
	ret = sw_sync_inc(round->tl, by);
	if (ret)
		violated(&round->round, "INC by %u answers %d", by, ret);
	atomic_fetch_add(&round->returned, by);
}

const struct fence *compat_any(struct compat *round, struct rng *rng)
{
	struct fences *fences = &round->fences[draw_below(rng, 1 + round->workers)];
	unsigned int count = atomic_load(&fences->count);

	if (!count)
		return NULL;
	/* Half of the time, chooses one of the last four fences of the thread. */
	if (draw(rng) % 2)
		return &fences->list[count - 1 - draw_below(rng, count < 4 ? count : 4)];
	return &fences->list[draw_below(rng, count)];
}

static void check_some(struct compat *round, struct rng *rng)
{
	unsigned int i;

	for (i = 0; i < CHECKS; i++) {
		const struct fence *fence = compat_any(round, rng);

		if (fence)
			compat_check(round, fence);
	}
}

/*
 * Returns a step: mostly a small one, sometimes one at the limit of what is a large step, or half
 * of all values.
 */
static __u32 draw_step(struct compat *round, struct rng *rng)
{
	static const __u32 steps[] = {
		65535, 65536, 1U << 30, INT_MAX, INT_MAX, 1U << 31, UINT_MAX, INT_MAX - 1,
	};

	if (draw_below(rng, round->calls / 2) == 0)
		return steps[draw_below(rng, 8)];
	return draw_below(rng, draw(rng) % 4 ? 4 : round->filled / 8 + 1);
}

/* Returns the value of a fence: near, far ahead, behind, or equal to that of another fence. */
static __u32 draw_value(struct compat *round, struct rng *rng)
{
	__u32 value = atomic_load(&round->returned);
	const struct fence *fence;

	switch (draw_below(rng, 8)) {
	case 0:
		return value + (1U << 30) - 2 + draw_below(rng, 4);
	case 1:
		return value + INT_MAX - draw_below(rng, 100);
	case 2:
		/* Concurrent INC calls determine whether this is ahead or behind. */
		return value + INT_MAX + draw_below(rng, round->filled + 100);
	case 3:
		return value - draw_below(rng, 64);
	case 4:
		fence = compat_any(round, rng);
		return fence ? (__u32)fence->least : value;
	default:
		return value + draw_below(rng, 2 * round->filled + 100);
	}
}

static void merge_two(struct compat *round, struct rng *rng)
{
	const struct fence *a = compat_any(round, rng);
	const struct fence *b = compat_any(round, rng);
	bool signaled;
	int merged;

	if (!a || !b)
		return;
	merged = fence_merge(a->fd, b->fd);
	if (merged < 0) {
		violated(&round->round, "SYNC_IOC_MERGE answers %d", merged);
		return;
	}
	signaled = draw(rng) % 2 ? polls_as_signaled(merged) : fence_status(merged) != 0;
	if (signaled && (compat_check(round, a) == 0 || compat_check(round, b) == 0))
		violated(&round->round, "fences %llu and %llu have signaled as one, and not each",
			 a->least, b->least);
	close(merged);
}

static void poll_one(struct compat *round, struct rng *rng)
{
	const struct fence *fence = compat_any(round, rng);
	__u64 returned = atomic_load(&round->returned);
	bool signaled;

	if (!fence)
		return;
	signaled = polls_as_signaled(fence->fd);
	if (signaled && compat_check(round, fence) == 0)
		violated(&round->round, "fence %llu is ready and pending", fence->least);
	if (!signaled && fence->greatest <= returned)
		violated(&round->round, "fence %llu is not ready at %llu", fence->greatest,
			 returned);
}

static void set_deadline(struct compat *round, struct rng *rng)
{
	const struct fence *fence = compat_any(round, rng);
	__u64 deadline = round->deadline + draw_below(rng, DEADLINES);
	__u64 earliest;
	int ret;

	if (!fence)
		return;
	ret = fence_set_deadline(fence->fd, deadline);
	if (ret)
		violated(&round->round, "SET_DEADLINE answers %d", ret);
	if (compat_check(round, fence) != 0)
		return;
	ret = sw_sync_deadline(round->tl, fence->fd, &earliest);
	if (ret && compat_check(round, fence) != 0)
		return;
	if (ret || earliest < round->deadline || earliest > deadline)
		violated(&round->round, "GET_DEADLINE answers %d, %llu after %llu was set", ret,
			 earliest, deadline);
}

/*
 * Creates a fence, and closes it. No other thread sees the fence. If it is in the timeline, it may
 * be freed at any time.
 */
static void create_and_forget(struct compat *round, struct rng *rng)
{
	struct fence fence;
	int twin;

	if (create(round, &fence, draw_value(round, rng)))
		return;
	twin = dup(fence.fd);
	close(fence.fd);
	fence.fd = twin;
	compat_check(round, &fence);
	close(twin);
}

void compat_call(struct compat *round, struct thread *thread)
{
	struct rng *rng = &thread->rng;

	switch (draw_below(rng, 16)) {
	case 0 ... 4:
		compat_increment(round, draw_step(round, rng));
		check_some(round, rng);
		break;
	case 5 ... 9:
		compat_create(round, &round->fences[1 + thread->number], draw_value(round, rng));
		break;
	case 10:
		if (round->forgets)
			create_and_forget(round, rng);
		break;
	case 11:
		merge_two(round, rng);
		break;
	case 12:
		set_deadline(round, rng);
		break;
	case 13:
		poll_one(round, rng);
		break;
	default:
		check_some(round, rng);
	}
}

/* Waits until the first worker's INC has signaled one of the fences, or has returned. */
static void wait_for_one(struct compat *round, struct rng *rng)
{
	const struct fence *fence = &round->fences[0].list[draw_below(rng, round->filled / 4)];

	while (!atomic_load(&round->passed) && fence_status(fence->fd) == 0)
		;
}

void compat_meet(struct compat *round, struct thread *thread)
{
	struct rng *rng = &thread->rng;
	__u32 value;

	if (thread->number == 0) {
		compat_increment(round, round->filled / 2 + draw_below(rng, round->filled / 2));
		atomic_store(&round->passed, true);
		return;
	}
	wait_for_one(round, rng);
	if (thread->number % 2) {
		compat_increment(round, INT_MAX - draw(rng) % 2 * draw_below(rng, 1000));
		check_some(round, rng);
		return;
	}
	value = atomic_load(&round->begun) + INT_MAX - draw_below(rng, round->filled);
	compat_create(round, &round->fences[1 + thread->number], value);
}

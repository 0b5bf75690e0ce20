// SPDX-License-Identifier: GPL-2.0
/*
 * F5: however much is due at one instant, the timer takes the processor for a short time
 * only, and lets softirqs and threads run before it goes on.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "fence.h"
#include "harness.h"
#include "trace.h"

#define MS(n)		((n) * NSEC_PER_MSEC)
#define FENCES		16384
#define TIMELINES	1000
/* At least so many fences of one timeline, and all that are created in so long. */
#define FEWEST		1024
#define CREATE_NS	(5 * NSEC_PER_SEC)
/* Longer than a slow machine needs to create them. */
#define TIMEOUT_NS	(60 * NSEC_PER_SEC)
/* Time to ask for everything. */
#define AHEAD		MS(400 * machine_pace())
/* Each test runs in a process of its own. As many fences as may be pending. */
static int fences;
/*
 * More fences than one softirq may signal: it has 200 us and a batch of 64. To reach this,
 * a processor would have to trace and signal a fence in 50 ns.
 */
static int most;
static pthread_t thread;
static atomic_bool stop;
/* When the thread saw itself run, each at least 10 us after the one before. */
static __u64 seen[1000000];
static unsigned int count;

static void *look(void *unused)
{
	struct sched_param param = { .sched_priority = 1 };
	__u64 last = 0;

	run_on(0);
	sched_setscheduler(0, SCHED_FIFO, &param);
	while (!stop && count < ARRAY_SIZE(seen)) {
		__u64 now;

		/*
		 * With PREEMPT_RT, timers are called by the thread "ktimers", which has the same
		 * priority and would never run.
		 */
		sched_yield();
		now = now_ns();
		if (now - last < 10000)
			continue;
		seen[count++] = now;
		last = now;
	}
	return unused;
}

FIXTURE(budget)
{
};

FIXTURE_SETUP(budget)
{
	int ret = trace_fences();

	if (ret)
		SKIP(return, "no dma_fence tracepoints in this kernel");
	ASSERT_EQ(0, trace_softirqs());
	fences = module_param("max_pending", FENCES);
	if (fences > FENCES)
		fences = FENCES;
	most = fences / 4;
	ASSERT_LE(0, allow_fds(TIMELINES * 2 + 1024));
	/* Where the timers are armed. */
	ASSERT_EQ(0, run_on(0));
}

FIXTURE_TEARDOWN(budget)
{
	trace_stop();
}

/*
 * Creates fences, and keeps the descriptor of the first and of the last one only. Returns how many
 * there are: a slow machine is slow enough with fewer than @count.
 */
static int create(int tl, int count, int ends[2])
{
	__u64 begin = now_ns();
	int made = 0;

	ends[1] = -1;
	while (made < count && (made < FEWEST || now_ns() - begin < CREATE_NS)) {
		int now = count - made < 64 ? count - made : 64;
		int fds[64], i;

		if (fence_create_many(tl, fds, now) != made + 1)
			return -1;
		for (i = 0; i < now; i++) {
			if (!made && !i) {
				ends[0] = fds[i];
			} else if (i + 1 == now) {
				close(ends[1]);
				ends[1] = fds[i];
			} else {
				close(fds[i]);
			}
		}
		made += now;
	}
	return made;
}

/*
 * A real-time thread of the same processor ran while the fences signalled, and no softirq
 * signalled too many of them.
 */
static void check(struct __test_metadata *_metadata, __u64 due, const int ends[2])
{
	__u64 first, last;
	int between = 0;
	unsigned int i;

	run_on(1);
	/* A debug kernel takes 100 ms to begin a thread. */
	while (now_ns() < due - AHEAD / 2)
		;
	ASSERT_EQ(0, pthread_create(&thread, NULL, look, NULL));
	ASSERT_EQ(1, fence_wait(ends[1], LONG_MS));
	stop = true;
	pthread_join(thread, NULL);
	first = fence_time(ends[0]);
	last = fence_time(ends[1]);
	for (i = 0; i < count; i++)
		between += seen[i] > first && seen[i] < last;
	EXPECT_LT(0, between);
	EXPECT_LT(0, trace_most_in_a_softirq());
	EXPECT_GT(most, trace_most_in_a_softirq());
}

TEST_F_TIMEOUT(budget, one_signal_at, 180)
{
	int tl = timeline_new("budget", TIMEOUT_NS, 0);
	int ends[2];
	__u64 due;

	fences = create(tl, fences, ends);
	ASSERT_LT(0, fences);
	most = fences / 4;
	due = now_ns() + AHEAD;
	ASSERT_EQ(0, fence_signal_at(tl, fences, due, 0));
	check(_metadata, due, ends);
}

TEST_F_TIMEOUT(budget, many_signal_at, 180)
{
	int tl = timeline_new("budget", TIMEOUT_NS, 0);
	int ends[2], i;
	__u64 due;

	fences = create(tl, fences, ends);
	ASSERT_LT(0, fences);
	most = fences / 4;
	due = now_ns() + AHEAD;
	for (i = 255; i <= fences; i += 255)
		ASSERT_EQ(0, fence_signal_at(tl, i, due, 0));
	ASSERT_EQ(0, fence_signal_at(tl, fences, due, 0));
	check(_metadata, due, ends);
}

TEST_F_TIMEOUT(budget, many_timelines, 180)
{
	__u64 due = now_ns() + 4 * AHEAD;
	const int each = 16;
	int count = fences / each;
	int lasts[TIMELINES];
	int ends[2], i;

	if (count > TIMELINES)
		count = TIMELINES;
	for (i = 0; i < count; i++) {
		int tl = timeline_open();

		ASSERT_LE(0, tl);
		ASSERT_EQ(each, create(tl, each, ends));
		ASSERT_EQ(0, fence_signal_at(tl, each, due, 0));
		lasts[i] = ends[1];
	}
	run_on(1);
	/* Which timeline comes last is not said. */
	for (i = 0; i < count; i++) {
		ASSERT_EQ(1, fence_wait(lasts[i], LONG_MS));
		EXPECT_EQ(1, fence_status(lasts[i]));
	}
	EXPECT_LT(0, trace_most_in_a_softirq());
	EXPECT_GT(most, trace_most_in_a_softirq());
}

TEST_HARNESS_MAIN

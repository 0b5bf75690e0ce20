// SPDX-License-Identifier: GPL-2.0
/*
 * F5: if much is due at one instant, the timer uses the processor for a short time only.
 * Softirqs and threads run before the timer continues.
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
/* Creates at least FEWEST fences of a timeline, and then as many as CREATE_NS allows. */
#define FEWEST		1024
#define CREATE_NS	(5 * NSEC_PER_SEC)
/* From the time of a request until it is due. Leaves enough time to make all requests. */
#define AHEAD		MS(400 * machine_pace())
/* The number of fences: as many as may be pending. Each test runs in a process of its own. */
static int fences;
/*
 * One softirq must signal fewer fences than this. It may signal for 200 us, and one batch of 64
 * more. To signal this many, a processor would have to trace and signal a fence in 50 ns.
 */
static int most;
static pthread_t thread;
static atomic_bool stop;
/* The times at which the thread ran, each at least 10 us after the previous one. */
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
		 * With PREEMPT_RT, the thread "ktimers" calls timers. It has the same priority as
		 * this thread, and would never run without this yield.
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
	/* The timers are armed on processor 0. */
	ASSERT_EQ(0, run_on(0));
}

FIXTURE_TEARDOWN(budget)
{
	trace_stop();
}

/*
 * Creates up to @count fences, and keeps the descriptors of the first and the last one. Returns how
 * many it has created. On a slow machine, fewer fences take long enough to signal.
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
 * Checks that a real-time thread on the same processor ran while the fences signaled, and that no
 * softirq signaled too many of them.
 */
static void check(struct __test_metadata *_metadata, __u64 due, const int ends[2])
{
	__u64 first, last;
	int between = 0;
	unsigned int i;

	run_on(1);
	/* Starts the thread early enough: on a debug kernel, this takes 100 ms. */
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
	int tl = timeline_new("budget", module_limits().max_timeout_ns, 0);
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
	int tl = timeline_new("budget", module_limits().max_timeout_ns, 0);
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
	/* The order of the timelines is not defined. So this waits for each of them. */
	for (i = 0; i < count; i++) {
		ASSERT_EQ(1, fence_wait(lasts[i], LONG_MS));
		EXPECT_EQ(1, fence_status(lasts[i]));
	}
	EXPECT_LT(0, trace_most_in_a_softirq());
	EXPECT_GT(most, trace_most_in_a_softirq());
}

TEST_HARNESS_MAIN

// SPDX-License-Identifier: GPL-2.0
/*
 * Timeouts, SIGNAL_AT, SIGNAL and jobs take effect in the order of their times, even if the
 * timer is late. The tests keep the timer's processor busy, which makes the timer late.
 */
#include <pthread.h>
#include <stdlib.h>

#include "busy.h"
#include "fence.h"
#include "harness.h"

#define MS(n)		((n) * NSEC_PER_MSEC)
#define MANY		512
/* From a request until it is due. Leaves enough time to make the request. */
#define AHEAD		MS(100 * machine_pace())
/*
 * The processor becomes busy this long before the due time, and calls are made this long after it.
 */
#define APART		(MS(1) / 2)

/* Each test runs in a process of its own. */
static struct busy busy;
static __u64 busy_at;
static pthread_t thread;

FIXTURE(due)
{
};

FIXTURE_SETUP(due)
{
	ASSERT_EQ(0, busy_prepare(&busy));
	/* The timers are armed on processor 0. */
	ASSERT_EQ(0, run_on(0));
}

FIXTURE_TEARDOWN(due)
{
	busy_end(&busy);
}

static void *keep_busy(void *unused)
{
	run_on(0);
	busy_from(&busy, busy_at);
	return unused;
}

/* Keeps the timer's processor busy from shortly before @due on. */
static void make_late(__u64 due)
{
	busy_at = due - APART;
	pthread_create(&thread, NULL, keep_busy, NULL);
	run_on(1);
}

static void wait_until(__u64 time)
{
	while (now_ns() < time)
		;
}

/*
 * Each fence has a SIGNAL_AT that is due before its timeout, and all timeouts end soon after that.
 * Returns how many fences SIGNAL_AT has not signaled, or -1 if the calls came too late to tell.
 */
static int overtaken(bool one_call)
{
	__u64 begin = now_ns(), due = begin + AHEAD - 1000;
	int tl = timeline_new("overtaken", AHEAD, 0);
	int wrong = 0, fds[MANY], i;

	for (i = 0; i < MANY; i += 64) {
		if (fence_create_many(tl, fds + i, 64) < 0)
			return MANY;
	}
	for (i = one_call ? MANY : 1; i <= MANY; i++) {
		if (fence_signal_at(tl, i, due - MANY + i, 0))
			return MANY;
	}
	if (now_ns() >= due - MANY)
		wrong = -1;
	make_late(due);
	fence_wait(fds[MANY - 1], LONG_MS);
	pthread_join(thread, NULL);
	for (i = 0; i < MANY; i++) {
		if (wrong >= 0 && fence_status(fds[i]) != 1)
			wrong++;
		close(fds[i]);
	}
	close(tl);
	return wrong;
}

/* F2 of docs/testing.md: one SIGNAL_AT for all fences comes before their timeouts. */
TEST_F(due, one_signal_at_before_many_timeouts)
{
	EXPECT_GE(0, overtaken(true));
}

/* F2 of docs/testing.md: one SIGNAL_AT for each fence comes before the timeouts. */
TEST_F(due, many_signal_at_before_many_timeouts)
{
	EXPECT_GE(0, overtaken(false));
}

/*
 * F3 of docs/testing.md: a timeout has ended, but its timer is late. A SIGNAL_AT for a past time
 * that is after the end of the timeout must not overtake it.
 */
TEST_F(due, signal_at_of_a_past_time_after_a_timeout)
{
	int tl = timeline_new("past", AHEAD, 0);
	int fd = fence_create(tl);
	__u64 due = now_ns() + AHEAD;

	ASSERT_LE(0, fd);
	make_late(due);
	wait_until(due + APART);
	EXPECT_EQ(0, fence_signal_at(tl, 1, due + 1, 0));
	EXPECT_EQ(-ETIMEDOUT, fence_status(fd));
	pthread_join(thread, NULL);
	EXPECT_EQ(1, timeline_state(tl).timed_out);
}

/* F3 of docs/testing.md: a SIGNAL_AT for a past time must not overtake another one that is due. */
TEST_F(due, signal_at_of_a_past_time_after_another)
{
	static const int later[] = { 1, 0 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(later); i++) {
		int tl = timeline_open();
		int fd = fence_create(tl);
		__u64 due = now_ns() + AHEAD;

		ASSERT_LE(0, fd);
		ASSERT_EQ(0, fence_signal_at(tl, 1, due, -EIO));
		make_late(due);
		wait_until(due + APART);
		/* If two calls have the same time, the one that was made first takes effect. */
		EXPECT_EQ(0, fence_signal_at(tl, 1, due + later[i], 0));
		EXPECT_EQ(-EIO, fence_status(fd));
		pthread_join(thread, NULL);
		close(fd);
		close(tl);
		busy_end(&busy);
		ASSERT_EQ(0, busy_prepare(&busy));
		run_on(0);
	}
}

/* F3 of docs/testing.md: SIGNAL, whose time is now, must not overtake a SIGNAL_AT that is due. */
TEST_F(due, signal_after_signal_at)
{
	int tl = timeline_open();
	int fds[2];
	__u64 due;

	ASSERT_EQ(1, fence_create_many(tl, fds, 2));
	due = now_ns() + AHEAD;
	ASSERT_EQ(0, fence_signal_at(tl, 1, due, -EIO));
	make_late(due);
	wait_until(due + APART);
	EXPECT_LE(1, fence_signal(tl, 2, 0));
	EXPECT_EQ(-EIO, fence_status(fds[0]));
	EXPECT_EQ(1, fence_status(fds[1]));
	pthread_join(thread, NULL);
}

/* A SIGNAL_AT with a past time comes before one that is due later. */
TEST_F(due, signal_at_of_an_earlier_time)
{
	int tl = timeline_open();
	int fd = fence_create(tl);
	__u64 due = now_ns() + AHEAD;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, fence_signal_at(tl, 1, due, -EIO));
	EXPECT_EQ(0, fence_signal_at(tl, 1, 1, 0));
	EXPECT_EQ(1, fence_status(fd));
}

/*
 * F4 of docs/testing.md: when the late timer reaches the second job, the job's in-fence has
 * signaled. But the job's timeout, which runs from its submission, had ended before. So the job
 * times out.
 */
TEST_F(due, job_behind_another)
{
	int engine = timeline_new("engine", AHEAD, FENCE_EXPORTER_SETUP_ENGINE);
	int source = timeline_open();
	int in = fence_create(source);
	int first, second;
	__u64 due;

	ASSERT_LE(0, in);
	first = fence_submit(engine, AHEAD, -1, 0);
	ASSERT_LE(0, first);
	second = fence_submit(engine, 0, in, 0);
	ASSERT_LE(0, second);
	due = now_ns() + AHEAD;
	make_late(due);
	wait_until(due + APART);
	EXPECT_EQ(1, fence_signal(source, 1, 0));
	EXPECT_EQ(1, fence_wait(second, LONG_MS));
	EXPECT_EQ(1, fence_status(first));
	EXPECT_EQ(-ETIMEDOUT, fence_status(second));
	pthread_join(thread, NULL);
}

/*
 * T3 of docs/testing.md: calls with the same time take effect in the order in which they were made.
 */
TEST_F(due, calls_of_one_time_in_their_order)
{
	int tl = timeline_open();
	int fds[2];
	__u64 due;

	ASSERT_EQ(1, fence_create_many(tl, fds, 2));
	due = now_ns() + AHEAD;
	ASSERT_EQ(0, fence_signal_at(tl, 1, due, -EIO));
	ASSERT_EQ(0, fence_signal_at(tl, 2, due, 0));
	ASSERT_EQ(0, fence_signal_at(tl, 2, due, -ENODEV));
	EXPECT_EQ(1, fence_wait(fds[1], LONG_MS));
	EXPECT_EQ(-EIO, fence_status(fds[0]));
	EXPECT_EQ(1, fence_status(fds[1]));
}

TEST_HARNESS_MAIN

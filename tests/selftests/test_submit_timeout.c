// SPDX-License-Identifier: GPL-2.0
/* SUBMIT: jobs that time out, and those that don't. */
#include <limits.h>

#include "fence.h"
#include "harness.h"
#include "lateness.h"

#define MS(n)	((n) * NSEC_PER_MSEC)

FIXTURE(submit_timeout)
{
};

FIXTURE_SETUP(submit_timeout)
{
	ASSERT_EQ(0, lateness_watch());
}

FIXTURE_TEARDOWN(submit_timeout)
{
}

/* A job whose in-fence never signals times out, and so does a job that runs for too long. */
TEST_F(submit_timeout, timeouts)
{
	int tl = timeline_new("hung", MS(200), FENCE_EXPORTER_SETUP_ENGINE);
	int source = timeline_open();
	int in = fence_create(source);
	__u64 begin = now_ns(), end;
	int waits;
	int runs;

	ASSERT_LE(0, tl);
	waits = fence_submit(tl, 0, in, 0);
	EXPECT_EQ(1, fence_wait(waits, LONG_MS));
	EXPECT_EQ(-ETIMEDOUT, fence_status(waits));
	EXPECT_LE(begin + MS(200), fence_time(waits));
	begin = now_ns();
	runs = fence_submit(tl, MS(1000), -1, 0);
	end = now_ns();
	EXPECT_EQ(1, fence_wait(runs, LONG_MS));
	EXPECT_EQ(-ETIMEDOUT, fence_status(runs));
	EXPECT_TRUE(in_time(fence_time(runs), begin + MS(200), end + MS(200)));
	EXPECT_EQ(2, timeline_state(tl).timed_out);
	/* The engine still runs jobs. */
	runs = fence_submit(tl, MS(10), -1, 0);
	EXPECT_EQ(1, fence_wait(runs, LONG_MS));
	EXPECT_EQ(1, fence_status(runs));
}

/*
 * The in-fence signals after the end of the timeout. Even if the engine's timer is so late that it
 * finds the in-fence signaled, the job times out, because the timeout ended first.
 */
TEST_F(submit_timeout, the_earlier_time_counts)
{
	enum { TIMEOUT = MS(5) };
	int i;

	for (i = 0; i < 100; i++) {
		int engine = timeline_new("earlier", TIMEOUT, FENCE_EXPORTER_SETUP_ENGINE);
		int source = timeline_open();
		int in = fence_create(source);
		__u64 end;
		int out;

		/* Arms the two timers on different processors. */
		run_on(0);
		out = fence_submit(engine, 0, in, 0);
		end = now_ns();
		ASSERT_LE(0, out);
		run_on(1);
		ASSERT_EQ(0, fence_signal_at(source, 1, end + TIMEOUT + 1, 0));
		ASSERT_EQ(1, fence_wait(in, LONG_MS));
		ASSERT_EQ(1, fence_wait(out, LONG_MS));
		EXPECT_EQ(-ETIMEDOUT, fence_status(out));
		close(out);
		close(in);
		close(source);
		close(engine);
	}
}

/* If a job is queued behind others, its timeout runs from its start. */
TEST_F(submit_timeout, timeout_from_the_start_of_the_job)
{
	int tl = timeline_new("busy", MS(600), FENCE_EXPORTER_SETUP_ENGINE);
	int fds[3];
	int i;

	ASSERT_LE(0, tl);
	for (i = 0; i < 3; i++)
		fds[i] = fence_submit(tl, MS(300), -1, 0);
	EXPECT_EQ(1, fence_wait(fds[2], LONG_MS));
	for (i = 0; i < 3; i++)
		EXPECT_EQ(1, fence_status(fds[i]));
	EXPECT_EQ(0, timeline_state(tl).timed_out);
}

/*
 * Each job waits for the job before it, so its in-fence signals at the same time at which it
 * becomes the first of its queue. It runs, although its timeout, counted from the submission, has
 * ended.
 */
TEST_F(submit_timeout, in_fence_of_the_job_before)
{
	int tl = timeline_new("chain", MS(100), FENCE_EXPORTER_SETUP_ENGINE);
	int out = -1;
	int i;

	ASSERT_LE(0, tl);
	for (i = 0; i < 4; i++) {
		out = fence_submit(tl, MS(80), out, 0);
		ASSERT_LE(0, out);
	}
	EXPECT_EQ(1, fence_wait(out, LONG_MS));
	EXPECT_EQ(1, fence_status(out));
	EXPECT_EQ(0, timeline_state(tl).timed_out);
}

TEST_F(submit_timeout, durations_at_the_end_of_time)
{
	int tl = timeline_new("hung", MS(100), FENCE_EXPORTER_SETUP_ENGINE);
	int first = fence_submit(tl, ~0ULL, -1, 0);
	int second = fence_submit(tl, LLONG_MAX, -1, 0);

	/* Whether or not a duration is refused, its end must not wrap to a time in the past. */
	if (first >= 0) {
		EXPECT_EQ(1, fence_wait(first, LONG_MS));
		EXPECT_EQ(-ETIMEDOUT, fence_status(first));
	} else {
		EXPECT_EQ(-EINVAL, first);
	}
	if (second >= 0) {
		EXPECT_EQ(1, fence_wait(second, LONG_MS));
		EXPECT_EQ(-ETIMEDOUT, fence_status(second));
	} else {
		EXPECT_EQ(-EINVAL, second);
	}
}

TEST_HARNESS_MAIN

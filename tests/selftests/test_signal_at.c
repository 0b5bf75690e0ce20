// SPDX-License-Identifier: GPL-2.0
/* SIGNAL_AT: signals fences at a time. */
#include <limits.h>

#include "fence.h"
#include "harness.h"
#include "lateness.h"

#define COUNT		6
#define MS(n)		((n) * NSEC_PER_MSEC)

FIXTURE(signal_at)
{
	__u64 start;
	int fds[COUNT];
	int tl;
};

FIXTURE_SETUP(signal_at)
{
	ASSERT_EQ(0, lateness_watch());
	self->tl = timeline_open();
	ASSERT_LE(0, self->tl);
	ASSERT_EQ(1, fence_create_many(self->tl, self->fds, COUNT));
	self->start = now_ns();
}

FIXTURE_TEARDOWN(signal_at)
{
	close(self->tl);
}

/* Waits for the fence. Returns whether it has signaled not before @time, and not much later. */
static bool on_time(int fd, __u64 time)
{
	return fence_wait(fd, LONG_MS) == 1 && in_time(fence_time(fd), time, time);
}

TEST_F(signal_at, on_time)
{
	__u64 time = self->start + MS(200);

	ASSERT_EQ(0, fence_signal_at(self->tl, 1, time, 0));
	if (now_ns() < time)
		EXPECT_EQ(0, fence_status(self->fds[0]));
	EXPECT_TRUE(on_time(self->fds[0], time));
	EXPECT_EQ(1, fence_status(self->fds[0]));
	EXPECT_EQ(0, fence_status(self->fds[1]));
	EXPECT_EQ(1, timeline_state(self->tl).signaled);
}

/* in_time() must notice what is early or late, even on a machine that is late itself. */
TEST_F(signal_at, in_time_is_not_always)
{
	__u64 at;

	ASSERT_EQ(1, fence_signal(self->tl, 1, 0));
	at = fence_time(self->fds[0]);
	EXPECT_TRUE(in_time(at, self->start, at));
	EXPECT_FALSE(in_time(at, at + 1, at + 1));
	/* This is late by all the time since the machine was started. */
	EXPECT_FALSE(in_time(at, 0, 1));
}

TEST_F(signal_at, error)
{
	ASSERT_EQ(0, fence_signal_at(self->tl, 2, self->start + MS(20), -EIO));
	EXPECT_EQ(1, fence_wait(self->fds[1], LONG_MS));
	EXPECT_EQ(-EIO, fence_status(self->fds[0]));
	EXPECT_EQ(-EIO, fence_status(self->fds[1]));
	EXPECT_EQ(0, fence_status(self->fds[2]));
}

TEST_F(signal_at, rising_times)
{
	int i;

	for (i = 0; i < COUNT; i++)
		ASSERT_EQ(0, fence_signal_at(self->tl, i + 1,
					     self->start + MS(100 + 50 * i), 0));
	for (i = 0; i < COUNT; i++)
		EXPECT_TRUE(on_time(self->fds[i], self->start + MS(100 + 50 * i)));
}

/* The times determine the order, and not the order of the calls. */
TEST_F(signal_at, calls_out_of_order)
{
	int i;

	for (i = COUNT; i--;)
		ASSERT_EQ(0, fence_signal_at(self->tl, i + 1,
					     self->start + MS(100 + 50 * i), 0));
	for (i = 0; i < COUNT; i++)
		EXPECT_TRUE(on_time(self->fds[i], self->start + MS(100 + 50 * i)));
}

/* A call with a later number and an earlier time also signals the fences before that number. */
TEST_F(signal_at, overtaken)
{
	__u64 early = self->start + MS(100);
	int i;

	ASSERT_EQ(0, fence_signal_at(self->tl, 1, self->start + MS(300), -EIO));
	ASSERT_EQ(0, fence_signal_at(self->tl, 3, early, 0));
	for (i = 0; i < 3; i++) {
		EXPECT_TRUE(on_time(self->fds[i], early));
		EXPECT_EQ(1, fence_status(self->fds[i]));
	}
	sleep_ms(300);
	EXPECT_EQ(3, timeline_state(self->tl).signaled);
	EXPECT_EQ(1, fence_status(self->fds[0]));
	EXPECT_EQ(0, fence_status(self->fds[3]));
}

TEST_F(signal_at, same_time)
{
	__u64 time = self->start + MS(100);

	ASSERT_EQ(0, fence_signal_at(self->tl, 2, time, 0));
	ASSERT_EQ(0, fence_signal_at(self->tl, 4, time, 0));
	EXPECT_TRUE(on_time(self->fds[3], time));
	EXPECT_LE(fence_time(self->fds[1]), fence_time(self->fds[3]));
}

TEST_F(signal_at, past_means_now)
{
	__u64 before = now_ns();

	EXPECT_EQ(0, fence_signal_at(self->tl, 1, 0, 0));
	EXPECT_TRUE(on_time(self->fds[0], before));
	EXPECT_EQ(0, fence_signal_at(self->tl, 2, self->start - 1, 0));
	EXPECT_TRUE(on_time(self->fds[1], before));
	EXPECT_EQ(0, fence_signal_at(self->tl, 3, now_ns(), 0));
	EXPECT_TRUE(on_time(self->fds[2], before));
}

TEST_F(signal_at, end_of_time)
{
	struct snapshot before = snapshot(self->tl);

	EXPECT_EQ(-EINVAL, fence_signal_at(self->tl, 1, 1ULL << 63, 0));
	EXPECT_EQ(-EINVAL, fence_signal_at(self->tl, 1, ~0ULL, 0));
	EXPECT_TRUE(unchanged(self->tl, &before));
	EXPECT_EQ(0, fence_signal_at(self->tl, 1, LLONG_MAX, 0));
	EXPECT_EQ(0, fence_signal_at(self->tl, 2, LLONG_MAX - 1, 0));
	sleep_ms(20);
	EXPECT_EQ(0, fence_status(self->fds[0]));
	/* Such a late time does not delay the timer for earlier times. */
	EXPECT_EQ(0, fence_signal_at(self->tl, 3, self->start + MS(60), 0));
	EXPECT_TRUE(on_time(self->fds[2], self->start + MS(60)));
}

TEST_F(signal_at, refuses)
{
	static const int statuses[] = { 1, INT_MAX, -4096, INT_MIN };
	struct fence_exporter_signal_at arg = { .seqno = 1, .flags = 2 };
	struct snapshot before = snapshot(self->tl);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(statuses); i++)
		EXPECT_EQ(-EINVAL, fence_signal_at(self->tl, 1, self->start,
						   statuses[i]));
	EXPECT_EQ(-EINVAL, fence_signal_at(self->tl, COUNT + 1, self->start, 0));
	EXPECT_EQ(-EINVAL, fence_signal_at(self->tl, ~0ULL, self->start, 0));
	EXPECT_EQ(-EINVAL, call(self->tl, FENCE_EXPORTER_IOC_SIGNAL_AT, &arg));
	sleep_ms(20);
	EXPECT_TRUE(unchanged(self->tl, &before));
}

TEST_F(signal_at, signaled_before_its_time)
{
	ASSERT_EQ(0, fence_signal_at(self->tl, 2, self->start + MS(100), -EIO));
	EXPECT_EQ(2, fence_signal(self->tl, 2, 0));
	sleep_ms(200);
	EXPECT_EQ(1, fence_status(self->fds[1]));
	EXPECT_EQ(2, timeline_state(self->tl).signaled);
	/* SIGNAL_AT for a number that has already signaled succeeds. */
	EXPECT_EQ(0, fence_signal_at(self->tl, 2, self->start, -EIO));
	EXPECT_EQ(1, fence_status(self->fds[1]));
}

/*
 * F16 of docs/testing.md: a call whose fences have all signaled does not count against the quota.
 */
TEST_F_TIMEOUT(signal_at, overtaken_calls_do_not_count, 180)
{
	__u64 max = module_param("max_pending", 16384);
	__u64 i;
	int fd;

	for (i = COUNT + 1; i <= COUNT + max + 100; i++) {
		fd = fence_create(self->tl);
		ASSERT_LE(0, fd);
		ASSERT_EQ(0, fence_signal_at(self->tl, i, self->start + 3600 * NSEC_PER_SEC, 0));
		ASSERT_LE(1, fence_signal(self->tl, i, 0));
		close(fd);
	}
	/* Calls that are pending count. */
	fd = fence_create(self->tl);
	ASSERT_LE(0, fd);
	for (i = 0; i < max; i++)
		ASSERT_EQ(0, fence_signal_at(self->tl, COUNT + max + 101,
					     self->start + 3600 * NSEC_PER_SEC, 0));
	EXPECT_EQ(-ENOSPC, fence_signal_at(self->tl, COUNT + max + 101,
					   self->start + 3600 * NSEC_PER_SEC, 0));
	/* A call for a fence that has already signaled needs no room in the quota. */
	EXPECT_EQ(0, fence_signal_at(self->tl, 1, self->start + 3600 * NSEC_PER_SEC, 0));
	close(fd);
}

/* A call whose time has passed does not count against the quota, either. */
TEST_F(signal_at, done_calls_do_not_count)
{
	int i;

	for (i = 0; i < COUNT; i++) {
		ASSERT_EQ(0, fence_signal_at(self->tl, i + 1, now_ns() + MS(2), 0));
		EXPECT_EQ(1, fence_wait(self->fds[i], LONG_MS));
	}
}

TEST_F(signal_at, timeout_comes_first)
{
	int tl = timeline_new("slow", MS(100), 0);
	int fd;

	ASSERT_LE(0, tl);
	fd = fence_create(tl);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, fence_signal_at(tl, 1, now_ns() + MS(400), 0));
	EXPECT_EQ(1, fence_wait(fd, LONG_MS));
	EXPECT_EQ(-ETIMEDOUT, fence_status(fd));
	sleep_ms(400);
	EXPECT_EQ(-ETIMEDOUT, fence_status(fd));
	EXPECT_EQ(0, timeline_state(tl).signaled);
	EXPECT_EQ(1, timeline_state(tl).timed_out);
}

/*
 * Of a timeout and a SIGNAL_AT, the one with the earlier time takes effect, even if the timer is
 * late for both. The times are so close that no test could wait between them.
 */
TEST_F(signal_at, the_earlier_time_counts)
{
	enum { TIMEOUT = MS(5) };
	int compared = 0;
	int i;

	for (i = 0; i < 200; i++) {
		int tl = timeline_new("earlier", TIMEOUT, 0);
		bool first = i % 2;
		__u64 begin, end, time;
		int fd;

		begin = now_ns();
		fd = fence_create(tl);
		end = now_ns();
		ASSERT_LE(0, fd);
		time = first ? begin + TIMEOUT - 1 : end + TIMEOUT + 1;
		ASSERT_EQ(0, fence_signal_at(tl, 1, time, 0));
		/*
		 * Compares only if the call returned before both times. Otherwise the call came too
		 * late.
		 */
		if (now_ns() < begin + TIMEOUT - 1) {
			ASSERT_EQ(1, fence_wait(fd, LONG_MS));
			EXPECT_EQ(first ? 1 : -ETIMEDOUT, fence_status(fd));
			compared++;
		}
		close(fd);
		close(tl);
	}
	EXPECT_LT(0, compared);
}

TEST_F(signal_at, close_comes_first)
{
	ASSERT_EQ(0, fence_signal_at(self->tl, 1, self->start + MS(300), 0));
	close(self->tl);
	EXPECT_EQ(1, fence_wait(self->fds[0], LONG_MS));
	EXPECT_EQ(-ECANCELED, fence_status(self->fds[0]));
	sleep_ms(400);
	EXPECT_EQ(-ECANCELED, fence_status(self->fds[0]));
	self->tl = -1;
}

TEST_HARNESS_MAIN

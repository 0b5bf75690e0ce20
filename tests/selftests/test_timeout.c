// SPDX-License-Identifier: GPL-2.0
/* A fence that nobody signals completes with -ETIMEDOUT. */
#include "fence.h"
#include "harness.h"
#include "lateness.h"

#define TIMEOUT_MS	300
#define TIMEOUT_NS	(TIMEOUT_MS * NSEC_PER_MSEC)

FIXTURE(timeout)
{
	int tl;
};

FIXTURE_SETUP(timeout)
{
	ASSERT_EQ(0, lateness_watch());
	self->tl = timeline_new("timed", TIMEOUT_NS, 0);
	ASSERT_LE(0, self->tl);
}

FIXTURE_TEARDOWN(timeout)
{
	close(self->tl);
}

TEST_F(timeout, completes)
{
	struct fence_exporter_info info;
	__u64 begin = now_ns();
	int fd = fence_create(self->tl);
	__u64 end = now_ns();

	ASSERT_LE(0, fd);
	EXPECT_EQ(1, fence_wait(fd, LONG_MS));
	EXPECT_EQ(-ETIMEDOUT, fence_status(fd));
	EXPECT_TRUE(in_time(fence_time(fd), begin + TIMEOUT_NS, end + TIMEOUT_NS));

	info = timeline_state(self->tl);
	EXPECT_EQ(1, info.timed_out);
	EXPECT_EQ(0, info.signaled);
	EXPECT_EQ(0, info.pending);
	EXPECT_EQ(1, info.signaled_seqno);
}

/* A fence times out even if no process waits for it or has a descriptor of it. */
TEST_F(timeout, without_waiter)
{
	ASSERT_EQ(0, close(fence_create(self->tl)));
	sleep_ms(TIMEOUT_MS + 50);
	for (int i = 0; i < 100 && timeline_state(self->tl).pending; i++)
		sleep_ms(20);
	EXPECT_EQ(1, timeline_state(self->tl).timed_out);
}

TEST_F(timeout, in_time_is_no_timeout)
{
	int fd = fence_create(self->tl);

	ASSERT_LE(0, fd);
	ASSERT_EQ(1, fence_signal(self->tl, 1, 0));
	sleep_ms(TIMEOUT_MS + 100);
	EXPECT_EQ(1, fence_status(fd));
	EXPECT_EQ(0, timeline_state(self->tl).timed_out);
	EXPECT_EQ(1, timeline_state(self->tl).signaled);
}

/* The timeout of each fence runs from the creation of the fence. */
TEST_F(timeout, each_its_own)
{
	enum { COUNT = 4 };
	__u64 begin[COUNT], end[COUNT];
	int fds[COUNT];
	int i;

	for (i = 0; i < COUNT; i++) {
		begin[i] = now_ns();
		fds[i] = fence_create(self->tl);
		end[i] = now_ns();
		ASSERT_LE(0, fds[i]);
		sleep_ms(100);
	}
	for (i = 0; i < COUNT; i++) {
		EXPECT_EQ(1, fence_wait(fds[i], LONG_MS));
		EXPECT_EQ(-ETIMEDOUT, fence_status(fds[i]));
		EXPECT_TRUE(in_time(fence_time(fds[i]), begin[i] + TIMEOUT_NS,
				    end[i] + TIMEOUT_NS));
	}
	EXPECT_EQ(COUNT, timeline_state(self->tl).timed_out);
}

/* The first of several fences is signaled. The timer must still signal the others in time. */
TEST_F(timeout, first_signaled)
{
	__u64 begin;
	int fds[2];

	fds[0] = fence_create(self->tl);
	sleep_ms(100);
	begin = now_ns();
	fds[1] = fence_create(self->tl);
	ASSERT_EQ(1, fence_signal(self->tl, 1, 0));
	EXPECT_EQ(1, fence_wait(fds[1], LONG_MS));
	EXPECT_LE(begin + TIMEOUT_NS, fence_time(fds[1]));
	EXPECT_EQ(1, fence_status(fds[0]));
	EXPECT_EQ(-ETIMEDOUT, fence_status(fds[1]));
}

TEST_F(timeout, timeline_goes_on)
{
	int fds[2];

	fds[0] = fence_create(self->tl);
	EXPECT_EQ(1, fence_wait(fds[0], LONG_MS));
	EXPECT_EQ(0, fence_signal(self->tl, 1, 0));
	EXPECT_EQ(-ETIMEDOUT, fence_status(fds[0]));
	EXPECT_EQ(2, fence_create_many(self->tl, &fds[1], 1));
	EXPECT_EQ(0, fence_status(fds[1]));
	EXPECT_EQ(1, fence_signal(self->tl, 2, 0));
	EXPECT_EQ(1, fence_status(fds[1]));
	/* The next timeout of the timeline also works. */
	fds[1] = fence_create(self->tl);
	EXPECT_EQ(1, fence_wait(fds[1], LONG_MS));
	EXPECT_EQ(-ETIMEDOUT, fence_status(fds[1]));
	EXPECT_EQ(2, timeline_state(self->tl).timed_out);
}

TEST_F(timeout, sixty_four)
{
	int fds[FENCE_EXPORTER_MAX_FENCES];
	__u64 last = 0;
	int i;

	ASSERT_EQ(1, fence_create_many(self->tl, fds, ARRAY_SIZE(fds)));
	EXPECT_EQ(1, fence_wait(fds[63], LONG_MS));
	for (i = 0; i < 64; i++) {
		EXPECT_EQ(-ETIMEDOUT, fence_status(fds[i]));
		EXPECT_LE(last, fence_time(fds[i]));
		last = fence_time(fds[i]);
	}
	EXPECT_EQ(64, timeline_state(self->tl).timed_out);
}

TEST_F(timeout, shortest)
{
	int tl = timeline_new("short", 1, 0);
	int fd;

	ASSERT_LE(0, tl);
	fd = fence_create(tl);
	ASSERT_LE(0, fd);
	EXPECT_EQ(1, fence_wait(fd, LONG_MS));
	EXPECT_EQ(-ETIMEDOUT, fence_status(fd));
}

TEST_F(timeout, merged_fence_has_the_error)
{
	int other = timeline_open();
	int merged;

	ASSERT_LE(0, other);
	merged = fence_merge(fence_create(self->tl), fence_create(other));
	ASSERT_LE(0, merged);
	EXPECT_EQ(0, fence_wait(merged, TIMEOUT_MS + 200));
	EXPECT_EQ(1, fence_signal(other, 1, 0));
	EXPECT_EQ(1, fence_wait(merged, LONG_MS));
	EXPECT_EQ(-ETIMEDOUT, fence_status(merged));
}

TEST_F(timeout, tells_an_event)
{
	int tl = timeline_new("events", TIMEOUT_NS, FENCE_EXPORTER_SETUP_EVENTS);
	struct fence_exporter_event event;
	__u64 begin = now_ns();
	int fds[5];

	ASSERT_LE(0, tl);
	ASSERT_EQ(1, fence_create_many(tl, fds, 5));
	ASSERT_EQ(1, timeline_event(tl, &event, LONG_MS));
	EXPECT_EQ(FENCE_EXPORTER_EVENT_TIMEOUT, event.type);
	EXPECT_LE(begin + TIMEOUT_NS, event.time_ns);
	EXPECT_GE(now_ns(), event.time_ns);
	/*
	 * There may be one event for all fences, or one for each. The last event names the last
	 * fence.
	 */
	while (event.seqno < 5) {
		int ret = timeline_event(tl, &event, LONG_MS);

		ASSERT_EQ(1, ret);
	}
	EXPECT_EQ(5, event.seqno);
	EXPECT_EQ(0, timeline_event(tl, &event, 0));
	EXPECT_EQ(-ETIMEDOUT, fence_status(fds[0]));
	EXPECT_EQ(-ETIMEDOUT, fence_status(fds[4]));
}

TEST_HARNESS_MAIN

// SPDX-License-Identifier: GPL-2.0
/* The types of events: which types are queued, and the fields of SIGNALED. */
#include <poll.h>

#include "fence.h"
#include "harness.h"

#define MS(n)	((n) * NSEC_PER_MSEC)
#define BIT(t)	FENCE_EXPORTER_EVENT_BIT(FENCE_EXPORTER_EVENT_##t)

static int timeline_with(__u32 mask)
{
	struct fence_exporter_setup setup = {
		.flags = FENCE_EXPORTER_SETUP_EVENTS,
		.event_mask = mask,
	};
	int tl = timeline_open();
	int ret = call(tl, FENCE_EXPORTER_IOC_SETUP, &setup);

	return ret ? ret : tl;
}

/* Causes a WAIT, a DEADLINE and a SIGNALED event of the first fence, in this order. */
static int happen(int tl)
{
	int fds[2];

	if (fence_create_many(tl, fds, 2) < 0 || fence_wait(fds[0], 0) ||
	    fence_set_deadline(fds[0], 5) || fence_signal_at(tl, 1, 1, -EIO))
		return -1;
	return fence_signal(tl, 2, 0) == 1 ? 0 : -1;
}

TEST(each_type_alone)
{
	static const __u32 types[] = {
		FENCE_EXPORTER_EVENT_WAIT, FENCE_EXPORTER_EVENT_DEADLINE,
		FENCE_EXPORTER_EVENT_SIGNALED,
	};
	struct fence_exporter_event event;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(types); i++) {
		int tl = timeline_with(FENCE_EXPORTER_EVENT_BIT(types[i]));

		ASSERT_LE(0, tl);
		ASSERT_EQ(0, happen(tl));
		ASSERT_EQ(1, timeline_event(tl, &event, LONG_MS));
		EXPECT_EQ(types[i], event.type);
		EXPECT_EQ(1, event.seqno);
		EXPECT_EQ(0, timeline_event(tl, &event, 0)) {
			TH_LOG("also type %u", event.type);
		}
		close(tl);
	}
}

/* A mask of 0 selects all types. An event has its length in it. */
TEST(all_types)
{
	static const __u32 types[] = {
		FENCE_EXPORTER_EVENT_WAIT, FENCE_EXPORTER_EVENT_DEADLINE,
		FENCE_EXPORTER_EVENT_SIGNALED,
	};
	int tl = timeline_with(0);
	struct fence_exporter_event event;
	unsigned int i;

	ASSERT_EQ(0, happen(tl));
	for (i = 0; i < ARRAY_SIZE(types); i++) {
		ASSERT_EQ(1, timeline_event(tl, &event, LONG_MS));
		EXPECT_EQ(types[i], event.type);
		EXPECT_EQ(sizeof(event), event.length);
	}
	EXPECT_EQ(-EIO, (__s64)event.value);
	EXPECT_EQ(0, timeline_event(tl, &event, 0));
	EXPECT_EQ(module_limits().event_types, timeline_state(tl).event_mask);
}

TEST(timeout_alone)
{
	struct fence_exporter_setup setup = {
		.flags = FENCE_EXPORTER_SETUP_EVENTS,
		.event_mask = BIT(TIMEOUT),
		.timeout_ns = MS(20),
	};
	struct fence_exporter_event event;
	int tl = timeline_open();
	int fd;

	ASSERT_EQ(0, call(tl, FENCE_EXPORTER_IOC_SETUP, &setup));
	fd = fence_create(tl);
	EXPECT_EQ(1, fence_wait(fd, LONG_MS));
	ASSERT_EQ(1, timeline_event(tl, &event, LONG_MS));
	EXPECT_EQ(FENCE_EXPORTER_EVENT_TIMEOUT, event.type);
	EXPECT_EQ(0, timeline_event(tl, &event, 0));
}

/* Events of unwanted types take no room in the queue, and wake no waiter. */
TEST(unwanted_ones_take_no_room)
{
	int tl = timeline_with(BIT(WAIT));
	struct pollfd poll_tl = { .fd = tl, .events = POLLIN };
	struct fence_exporter_event event;
	int i, fd = fence_create(tl);

	for (i = 0; i < 2 * module_limits().max_events; i++)
		ASSERT_EQ(0, fence_set_deadline(fd, 1 + i));
	EXPECT_EQ(0, poll(&poll_tl, 1, 0));
	EXPECT_EQ(0, fence_wait(fd, 0));
	ASSERT_EQ(1, timeline_event(tl, &event, LONG_MS));
	EXPECT_EQ(FENCE_EXPORTER_EVENT_WAIT, event.type);
	EXPECT_EQ(0, timeline_event(tl, &event, 0));
}

/* Whatever the mask, OVERFLOW reports lost events of the wanted types. */
TEST(overflow_is_always_told)
{
	int tl = timeline_with(BIT(DEADLINE));
	__u32 max = module_limits().max_events;
	struct fence_exporter_event event;
	int i, fd = fence_create(tl);

	for (i = 0; i < max + 3; i++)
		ASSERT_EQ(0, fence_set_deadline(fd, 1 + i));
	for (i = 0; i < max; i++) {
		ASSERT_EQ(1, timeline_event(tl, &event, LONG_MS));
		EXPECT_EQ(FENCE_EXPORTER_EVENT_DEADLINE, event.type);
	}
	ASSERT_EQ(1, timeline_event(tl, &event, LONG_MS));
	EXPECT_EQ(FENCE_EXPORTER_EVENT_OVERFLOW, event.type);
	EXPECT_EQ(3, event.value);
}

FIXTURE(signaled)
{
	int fds[64];
	int tl;
};

FIXTURE_SETUP(signaled)
{
	self->tl = timeline_with(BIT(SIGNALED));
	ASSERT_LE(0, self->tl);
	ASSERT_EQ(1, fence_create_many(self->tl, self->fds, 64));
}

FIXTURE_TEARDOWN(signaled)
{
	close(self->tl);
}

/* The timer causes one event for each call, after the call's fences have signaled. */
TEST_F(signaled, by_the_timer)
{
	__u64 time = now_ns() + MS(50);
	struct fence_exporter_event event;

	ASSERT_EQ(0, fence_signal_at(self->tl, 3, time, 0));
	ASSERT_EQ(0, fence_signal_at(self->tl, 64, time + MS(20), -EPIPE));
	ASSERT_EQ(1, timeline_event(self->tl, &event, LONG_MS));
	EXPECT_EQ(FENCE_EXPORTER_EVENT_SIGNALED, event.type);
	EXPECT_EQ(3, event.seqno);
	EXPECT_EQ(0, event.value);
	EXPECT_LE(time, event.time_ns);
	EXPECT_EQ(1, fence_status(self->fds[2]));
	ASSERT_EQ(1, timeline_event(self->tl, &event, LONG_MS));
	EXPECT_EQ(64, event.seqno);
	EXPECT_EQ(-EPIPE, (__s64)event.value);
	EXPECT_EQ(-EPIPE, fence_status(self->fds[63]));
	EXPECT_EQ(0, timeline_event(self->tl, &event, 50));
}

/* SIGNAL causes no event, because its caller gets an answer. */
TEST_F(signaled, not_by_signal)
{
	struct fence_exporter_event event;

	ASSERT_EQ(5, fence_signal(self->tl, 5, 0));
	EXPECT_EQ(0, timeline_event(self->tl, &event, 20));
}

/*
 * A SIGNAL_AT causes no event if it signals no fence: because another call has signaled its fences
 * before, or because it was cancelled.
 */
TEST_F(signaled, not_without_effect)
{
	__u64 time = now_ns() + MS(40) * machine_pace();
	struct fence_exporter_event event;

	ASSERT_EQ(0, fence_signal_at(self->tl, 5, time, -EIO));
	ASSERT_EQ(0, fence_signal_at(self->tl, 7, time, -EIO));
	ASSERT_EQ(0, fence_signal_at(self->tl, 6, time, -EIO));
	ASSERT_EQ(1, fence_cancel_signal_at(self->tl, 7));
	ASSERT_EQ(5, fence_signal(self->tl, 5, 0));
	ASSERT_GT(time, now_ns());
	ASSERT_EQ(1, timeline_event(self->tl, &event, LONG_MS));
	EXPECT_EQ(6, event.seqno);
	EXPECT_EQ(0, timeline_event(self->tl, &event, 50));
	/* A past time takes effect at once. But fence 6 has signaled, so there is no event. */
	ASSERT_EQ(0, fence_signal_at(self->tl, 6, 1, 0));
	EXPECT_EQ(0, timeline_event(self->tl, &event, 0));
	ASSERT_EQ(0, fence_signal_at(self->tl, 8, 1, 0));
	ASSERT_EQ(1, timeline_event(self->tl, &event, LONG_MS));
	EXPECT_EQ(8, event.seqno);
}

TEST_HARNESS_MAIN

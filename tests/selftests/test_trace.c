// SPDX-License-Identifier: GPL-2.0
/*
 * The dma_fence events, from which Perfetto draws timelines: one track for a name
 * and context, first in first out, from emit to signaled.
 */
#include "fence.h"
#include "harness.h"
#include "trace.h"

#define COUNT	20

FIXTURE(trace)
{
	int tl;
};

FIXTURE_SETUP(trace)
{
	if (trace_fences())
		SKIP(return, "this kernel traces no fences");
	self->tl = timeline_new("drawn", 0, 0);
	ASSERT_LE(0, self->tl);
}

FIXTURE_TEARDOWN(trace)
{
	close(self->tl);
	trace_stop();
}

TEST_F(trace, a_fence_from_init_to_signaled)
{
	unsigned int context = timeline_state(self->tl).context;
	struct traced events[64];
	int fd = fence_create(self->tl);
	int init, emit, enable, signaled, count, i;

	EXPECT_EQ(0, fence_wait(fd, 0));
	EXPECT_EQ(1, fence_signal(self->tl, 1, 0));
	count = trace_read("drawn", events, ARRAY_SIZE(events));
	init = trace_find(events, count, "init", 1);
	emit = trace_find(events, count, "emit", 1);
	enable = trace_find(events, count, "enable_signal", 1);
	signaled = trace_find(events, count, "signaled", 1);
	EXPECT_LE(0, init);
	EXPECT_LT(init, emit);
	EXPECT_LT(emit, enable);
	EXPECT_LT(enable, signaled);
	for (i = 0; i < count; i++)
		EXPECT_EQ(context, events[i].context);
}

TEST_F(trace, in_order)
{
	struct traced events[COUNT * 8];
	int fds[COUNT];
	unsigned int seqno;
	int count;

	ASSERT_EQ(1, fence_create_many(self->tl, fds, COUNT));
	ASSERT_EQ(COUNT, fence_signal(self->tl, COUNT, 0));
	count = trace_read("drawn", events, ARRAY_SIZE(events));
	EXPECT_EQ(COUNT, trace_count(events, count, "emit"));
	EXPECT_EQ(COUNT, trace_count(events, count, "signaled"));
	for (seqno = 1; seqno < COUNT; seqno++) {
		EXPECT_LT(trace_find(events, count, "emit", seqno),
			  trace_find(events, count, "emit", seqno + 1));
		EXPECT_LT(trace_find(events, count, "signaled", seqno),
			  trace_find(events, count, "signaled", seqno + 1));
	}
}

/* A CREATE that is refused must not trace an "emit" without an end. */
TEST_F(trace, refused_create)
{
	struct traced events[64];
	int count;

	EXPECT_EQ(-EFAULT, fence_create_many(self->tl, NULL, 4));
	EXPECT_LE(0, fence_create(self->tl));
	EXPECT_EQ(1, fence_signal(self->tl, 1, 0));
	count = trace_read("drawn", events, ARRAY_SIZE(events));
	EXPECT_EQ(1, trace_count(events, count, "emit"));
}

/* If a timeline is closed, the tracks of its pending fences end, too. */
TEST_F(trace, close)
{
	struct traced events[COUNT * 8];
	int fds[COUNT];
	int count;

	ASSERT_EQ(1, fence_create_many(self->tl, fds, COUNT));
	close(self->tl);
	self->tl = -1;
	count = trace_read("drawn", events, ARRAY_SIZE(events));
	EXPECT_EQ(COUNT, trace_count(events, count, "emit"));
	EXPECT_EQ(COUNT, trace_count(events, count, "signaled"));
}

/* Two timelines with the same name have different contexts, so that a viewer shows two tracks. */
TEST_F(trace, one_name_twice)
{
	int other = timeline_new("drawn", 0, 0);
	struct traced events[64];
	int count;

	ASSERT_LE(0, fence_create(self->tl));
	ASSERT_LE(0, fence_create(other));
	count = trace_read("drawn", events, ARRAY_SIZE(events));
	ASSERT_EQ(2, trace_count(events, count, "emit"));
	EXPECT_NE(events[0].context, events[count - 1].context);
}

TEST_HARNESS_MAIN

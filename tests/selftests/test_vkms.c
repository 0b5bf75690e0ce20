// SPDX-License-Identifier: GPL-2.0
/*
 * A display waits for a fence before it shows a picture, and sets a deadline on it:
 * vkms, and an atomic commit with IN_FENCE_FD.
 */
#include "fence.h"
#include "harness.h"
#include "kms.h"

FIXTURE(vkms)
{
	struct kms kms;
	int tl;
};

FIXTURE_SETUP(vkms)
{
	int ret = kms_open(&self->kms, "vkms");

	if (ret == -ENOENT)
		SKIP(return, "no vkms device");
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, kms_enable(&self->kms));
	self->tl = timeline_new("renderer", 0, FENCE_EXPORTER_SETUP_EVENTS);
	ASSERT_LE(0, self->tl);
}

FIXTURE_TEARDOWN(vkms)
{
	close(self->tl);
	close(self->kms.card);
}

TEST_F(vkms, without_fence)
{
	__u64 time;

	ASSERT_EQ(0, kms_flip(&self->kms, 1, -1));
	EXPECT_EQ(1, kms_flipped(&self->kms, LONG_MS, &time));
}

TEST_F(vkms, commit_waits)
{
	__u64 frame = NSEC_PER_SEC / (self->kms.mode.vrefresh ?: 60);
	__u64 signaled, time;

	ASSERT_EQ(0, kms_flip(&self->kms, 1, fence_create(self->tl)));
	EXPECT_EQ(0, kms_flipped(&self->kms, 300, &time));
	signaled = now_ns();
	ASSERT_EQ(1, fence_signal(self->tl, 1, 0));
	EXPECT_EQ(1, kms_flipped(&self->kms, LONG_MS, &time));
	/*
	 * The event has the time at which its vblank was due, in microseconds. The timer of the
	 * vblank may have been late, but by less than a frame.
	 */
	EXPECT_LE((signaled - frame) / 1000, time / 1000);
}

/* The display's driver sets the next vblank as the deadline, which causes an event. */
TEST_F(vkms, vblank_is_the_deadline)
{
	struct fence_exporter_event event;
	__u64 frame = NSEC_PER_SEC / (self->kms.mode.vrefresh ?: 60);
	__u64 begin, end, time;
	__u64 deadline = 0;
	bool waited = false;

	ASSERT_EQ(0, kms_wait_vblank(&self->kms));
	begin = now_ns();
	ASSERT_EQ(0, kms_flip(&self->kms, 1, fence_create(self->tl)));
	while (!deadline || !waited) {
		int ret = timeline_event(self->tl, &event, LONG_MS);

		ASSERT_EQ(1, ret);
		EXPECT_EQ(1, event.seqno);
		if (event.type == FENCE_EXPORTER_EVENT_DEADLINE)
			deadline = event.value;
		if (event.type == FENCE_EXPORTER_EVENT_WAIT)
			waited = true;
	}
	end = now_ns();
	/* Between @begin and @end, the commit chose the next vblank as the deadline. */
	EXPECT_LE(begin - frame, deadline);
	EXPECT_GE(end + 2 * frame, deadline);
	EXPECT_EQ(deadline, timeline_state(self->tl).deadline_ns);
	ASSERT_EQ(1, fence_signal(self->tl, 1, 0));
	EXPECT_EQ(1, kms_flipped(&self->kms, LONG_MS, &time));
}

/* The display continues, however the fence completes. */
TEST_F(vkms, error_timeout_and_close)
{
	int tl = timeline_new("hung", 100 * NSEC_PER_MSEC, 0);
	__u64 time;

	ASSERT_EQ(0, kms_flip(&self->kms, 1, fence_create(self->tl)));
	ASSERT_EQ(1, fence_signal(self->tl, 1, -EIO));
	EXPECT_EQ(1, kms_flipped(&self->kms, LONG_MS, &time));

	ASSERT_EQ(0, kms_flip(&self->kms, 0, fence_create(tl)));
	EXPECT_EQ(1, kms_flipped(&self->kms, LONG_MS, &time));
	EXPECT_EQ(1, timeline_state(tl).timed_out);

	ASSERT_EQ(0, kms_flip(&self->kms, 1, fence_create(self->tl)));
	EXPECT_EQ(0, kms_flipped(&self->kms, 100, &time));
	close(self->tl);
	self->tl = -1;
	EXPECT_EQ(1, kms_flipped(&self->kms, LONG_MS, &time));
}

/* Simulates a renderer that is always a little ahead of the display. */
TEST_F_TIMEOUT(vkms, sixty_pictures, 60)
{
	__u64 time, last = 0;
	int i;

	for (i = 1; i <= 60; i++) {
		int fence = fence_create(self->tl);

		ASSERT_EQ(0, fence_signal_at(self->tl, i,
					     now_ns() + 5 * NSEC_PER_MSEC, 0));
		ASSERT_EQ(0, kms_flip(&self->kms, i % 2, fence));
		close(fence);
		ASSERT_EQ(1, kms_flipped(&self->kms, LONG_MS, &time));
		EXPECT_LT(last, time);
		last = time;
	}
	EXPECT_EQ(60, timeline_state(self->tl).signaled);
}

TEST_HARNESS_MAIN

// SPDX-License-Identifier: GPL-2.0
/* SIGNAL_AT with CANCEL: it cancels earlier calls before their time. */
#include <limits.h>
#include <sys/mman.h>

#include "fence.h"
#include "harness.h"

#define COUNT	8
#define MS(n)	((n) * NSEC_PER_MSEC)

FIXTURE(cancel)
{
	int fds[COUNT];
	__u64 far;
	int tl;
};

FIXTURE_SETUP(cancel)
{
	self->tl = timeline_open();
	ASSERT_LE(0, self->tl);
	ASSERT_EQ(1, fence_create_many(self->tl, self->fds, COUNT));
	self->far = now_ns() + 3600 * NSEC_PER_SEC;
}

FIXTURE_TEARDOWN(cancel)
{
	close(self->tl);
}

TEST_F(cancel, takes_back)
{
	__u64 time = now_ns() + MS(300) * machine_pace();

	ASSERT_EQ(0, fence_signal_at(self->tl, 3, time, -EIO));
	ASSERT_EQ(0, fence_signal_at(self->tl, 4, time, 0));
	EXPECT_EQ(1, fence_cancel_signal_at(self->tl, 4));
	ASSERT_GT(time, now_ns());
	EXPECT_EQ(1, fence_wait(self->fds[2], LONG_MS));
	EXPECT_EQ(-EIO, fence_status(self->fds[2]));
	/*
	 * Both were due at the same time. If fence 4 had not been cancelled, it would have signaled
	 * by now.
	 */
	EXPECT_EQ(0, fence_wait(self->fds[3], 50));
}

/* A cancelled call has no effect at its time, and later calls do not wait for it. */
TEST_F(cancel, only_one)
{
	ASSERT_EQ(0, fence_signal_at(self->tl, 1, now_ns() + MS(300) * machine_pace(), -EIO));
	ASSERT_EQ(1, fence_cancel_signal_at(self->tl, 1));
	usleep(310000 * machine_pace());
	EXPECT_EQ(0, fence_status(self->fds[0]));
	EXPECT_EQ(2, fence_signal(self->tl, 2, -ENODEV));
	EXPECT_EQ(-ENODEV, fence_status(self->fds[0]));
}

/* CANCEL cancels all calls for a number, and none for another number. */
TEST_F(cancel, counts)
{
	int i;

	EXPECT_EQ(0, fence_cancel_signal_at(self->tl, 1));
	/*
	 * These are more calls than the driver looks at while it holds the lock once, at several
	 * times.
	 */
	for (i = 0; i < 200; i++)
		ASSERT_EQ(0, fence_signal_at(self->tl, 1 + i % 4, self->far + i % 7, 0));
	EXPECT_EQ(50, fence_cancel_signal_at(self->tl, 2));
	EXPECT_EQ(0, fence_cancel_signal_at(self->tl, 2));
	EXPECT_EQ(50, fence_cancel_signal_at(self->tl, 1));
	EXPECT_EQ(50, fence_cancel_signal_at(self->tl, 4));
	EXPECT_EQ(50, fence_cancel_signal_at(self->tl, 3));
	EXPECT_EQ(8, timeline_state(self->tl).pending);
}

/* Cancelled calls no longer count against the quota. */
TEST_F_TIMEOUT(cancel, gives_room, 120)
{
	__u32 max = module_limits().max_pending;
	__u32 i;

	for (i = 0; i < max; i++)
		ASSERT_EQ(0, fence_signal_at(self->tl, 1 + i % 2, self->far, 0));
	ASSERT_EQ(-ENOSPC, fence_signal_at(self->tl, 1, self->far, 0));
	EXPECT_EQ(max / 2, fence_cancel_signal_at(self->tl, 1));
	EXPECT_EQ(0, fence_signal_at(self->tl, 1, self->far, 0));
}

/*
 * A call whose time has passed has taken effect and can't be cancelled, even if the timer is late.
 */
TEST_F(cancel, too_late)
{
	__u64 time = now_ns() + MS(5);

	ASSERT_EQ(0, fence_signal_at(self->tl, 2, time, -EIO));
	while (now_ns() <= time)
		;
	EXPECT_EQ(0, fence_cancel_signal_at(self->tl, 2));
	EXPECT_EQ(-EIO, fence_status(self->fds[1]));
}

TEST_F(cancel, refuses)
{
	struct fence_exporter_signal_at arg = {
		.seqno = 1,
		.flags = FENCE_EXPORTER_SIGNAL_AT_CANCEL,
	};
	int engine = timeline_new("engine", 0, FENCE_EXPORTER_SETUP_ENGINE);
	struct snapshot before;
	void *page;

	ASSERT_EQ(0, fence_signal_at(self->tl, 1, self->far, 0));
	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, page);
	memcpy(page, &arg, sizeof(arg));
	ASSERT_EQ(0, mprotect(page, 4096, PROT_READ));
	before = snapshot(self->tl);
	EXPECT_EQ(-EINVAL, fence_cancel_signal_at(self->tl, COUNT + 1));
	EXPECT_EQ(-EBUSY, fence_cancel_signal_at(engine, 0));
	arg.time_ns = 1;
	EXPECT_EQ(-EINVAL, call(self->tl, FENCE_EXPORTER_IOC_SIGNAL_AT, &arg));
	arg.time_ns = 0;
	arg.status = -1;
	EXPECT_EQ(-EINVAL, call(self->tl, FENCE_EXPORTER_IOC_SIGNAL_AT, &arg));
	arg.status = 0;
	arg.flags |= 2;
	EXPECT_EQ(-EINVAL, call(self->tl, FENCE_EXPORTER_IOC_SIGNAL_AT, &arg));
	/* The kernel can't write the answer. */
	EXPECT_EQ(-EFAULT, call(self->tl, FENCE_EXPORTER_IOC_SIGNAL_AT, page));
	EXPECT_TRUE(unchanged(self->tl, &before));
	/* The refused calls have not cancelled anything. */
	EXPECT_EQ(1, fence_cancel_signal_at(self->tl, 1));
}

/* CANCEL works even if the caller's structure has no room for the answer. */
TEST_F(cancel, smaller_structure)
{
	struct fence_exporter_signal_at arg = {
		.seqno = 1,
		.flags = FENCE_EXPORTER_SIGNAL_AT_CANCEL,
		.cancelled = 77,
	};

	ASSERT_EQ(0, fence_signal_at(self->tl, 1, self->far, 0));
	ASSERT_EQ(0, call(self->tl, _IOC(_IOC_WRITE, FENCE_EXPORTER_IOC_MAGIC, 3, 24), &arg));
	EXPECT_EQ(77, arg.cancelled);
	EXPECT_EQ(0, fence_cancel_signal_at(self->tl, 1));
}

TEST_HARNESS_MAIN

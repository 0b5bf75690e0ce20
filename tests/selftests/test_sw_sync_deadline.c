// SPDX-License-Identifier: GPL-2.0
/*
 * GET_DEADLINE of /dev/sw_sync, and of the kernel's sw_sync.
 */
#include "fence.h"
#include "harness.h"
#include "sw_sync.h"
#include "sw_sync_abi.h"
#include "sw_sync_both.h"

TEST_F(sw_sync, deadlines)
{
	__u64 deadline = now_ns() + NSEC_PER_SEC;
	int fd = sw_sync_create(self->tl, 1);
	__u64 seen;

	EXPECT_EQ(-ENOENT, sw_sync_deadline(self->tl, fd, &seen));
	ASSERT_EQ(0, fence_set_deadline(fd, deadline));
	EXPECT_EQ(0, sw_sync_deadline(self->tl, fd, &seen));
	EXPECT_EQ(deadline, seen);
	/* The earliest deadline counts. */
	ASSERT_EQ(0, fence_set_deadline(fd, deadline + 1000));
	EXPECT_EQ(0, sw_sync_deadline(self->tl, fd, &seen));
	EXPECT_EQ(deadline, seen);
	ASSERT_EQ(0, fence_set_deadline(fd, deadline - 1000));
	EXPECT_EQ(0, sw_sync_deadline(self->tl, fd, &seen));
	EXPECT_EQ(deadline - 1000, seen);
	/* The deadline is still known after the fence has signaled. */
	EXPECT_EQ(0, sw_sync_inc(self->tl, 1));
	EXPECT_EQ(0, sw_sync_deadline(self->tl, fd, &seen));
	EXPECT_EQ(deadline - 1000, seen);
}

/* 0 is a valid deadline, and the earliest one. */
TEST_F(sw_sync, deadline_of_0)
{
	int fd = sw_sync_create(self->tl, 1);
	__u64 seen;

	ASSERT_EQ(0, fence_set_deadline(fd, now_ns()));
	ASSERT_EQ(0, fence_set_deadline(fd, 0));
	seen = 1;
	EXPECT_EQ(0, sw_sync_deadline(self->tl, fd, &seen));
	EXPECT_EQ(0, seen);
	ASSERT_EQ(0, fence_set_deadline(fd, 1));
	EXPECT_EQ(0, sw_sync_deadline(self->tl, fd, &seen));
	EXPECT_EQ(0, seen);
}

/* The descriptor of any timeline of the node gives the deadline of any fence of the node. */
TEST_F(sw_sync, deadline_by_another_timeline)
{
	__u64 deadline = now_ns() + NSEC_PER_SEC;
	int fd = sw_sync_create(self->tl, 1);
	int other = sw_sync_open(variant->path);
	__u64 seen;

	ASSERT_LE(0, other);
	EXPECT_EQ(-ENOENT, sw_sync_deadline(other, fd, &seen));
	ASSERT_EQ(0, fence_set_deadline(fd, deadline));
	EXPECT_EQ(0, sw_sync_deadline(other, fd, &seen));
	EXPECT_EQ(deadline, seen);
}

TEST_F(sw_sync, deadline_refused)
{
	bool kernel = !strcmp(variant->path, SW_SYNC_KERNEL);
	int other = sw_sync_open(kernel ? SW_SYNC_DEVICE : SW_SYNC_KERNEL);
	int native = fence_create(timeline_open());
	int fd = sw_sync_create(self->tl, 1);
	int twin = sw_sync_create(self->tl, 2);
	__u64 arg;

	ASSERT_EQ(0, fence_set_deadline(fd, now_ns()));
	ASSERT_EQ(0, fence_set_deadline(twin, now_ns()));
	arg = 1;
	EXPECT_EQ(-EINVAL, sw_sync_deadline_raw(self->tl, fd, &arg, 0));
	arg = 0;
	EXPECT_EQ(-EINVAL, sw_sync_deadline_raw(self->tl, fd, &arg, 1));
	EXPECT_EQ(-EINVAL, sw_sync_deadline(self->tl, -1, &arg));
	EXPECT_EQ(-EINVAL, sw_sync_deadline(self->tl, 1000, &arg));
	EXPECT_EQ(-EINVAL, sw_sync_deadline(self->tl, 0, &arg));
	EXPECT_EQ(-EINVAL, sw_sync_deadline(self->tl, self->tl, &arg));
	EXPECT_EQ(-EFAULT, call(self->tl, SW_SYNC_GET_DEADLINE, NULL));
	/* Refuses fences of other drivers, and a sync_file with several fences. */
	if (native >= 0)
		EXPECT_EQ(-EINVAL, sw_sync_deadline(self->tl, native, &arg));
	if (other >= 0)
		EXPECT_EQ(-EINVAL, sw_sync_deadline(self->tl,
						    sw_sync_create(other, 1), &arg));
	if (native >= 0)
		EXPECT_EQ(-EINVAL, sw_sync_deadline(self->tl,
						    fence_merge(native, fd), &arg));
}

TEST_HARNESS_MAIN

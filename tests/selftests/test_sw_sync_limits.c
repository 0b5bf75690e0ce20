// SPDX-License-Identifier: GPL-2.0
/*
 * Differences of /dev/sw_sync from the kernel's sw_sync, by design: fences time out, and
 * the number of pending fences is limited.
 */
#include <stdint.h>

#include "fence.h"
#include "harness.h"
#include "sw_sync.h"

FIXTURE(limits)
{
	/* From this time on, the first fences of the test may have timed out. */
	__u64 too_late;
	int tl;
};

FIXTURE_SETUP(limits)
{
	self->tl = sw_sync_open(SW_SYNC_DEVICE);
	if (self->tl < 0)
		SKIP(return, SW_SYNC_DEVICE " is not there: load with sw_sync=1");
	self->too_late = now_ns() + NSEC_PER_MSEC * 3 / 4 *
			 module_param("sw_sync_timeout_ms", 10000);
}

FIXTURE_TEARDOWN(limits)
{
	close(self->tl);
}

/* When a fence times out, all fences with lower values time out with it, even newer ones. */
TEST_F_TIMEOUT(limits, timeout, 60)
{
	__u64 timeout_ms = module_param("sw_sync_timeout_ms", 10000);
	int high, low, higher;

	if (timeout_ms > 15000)
		SKIP(return, "sw_sync_timeout_ms is %llu: too long to wait for",
		     timeout_ms);
	high = sw_sync_create(self->tl, 100);
	sleep_ms(timeout_ms / 2);
	low = sw_sync_create(self->tl, 50);
	higher = sw_sync_create(self->tl, 200);
	EXPECT_EQ(0, fence_status(high));
	EXPECT_EQ(1, fence_wait(high, timeout_ms));
	EXPECT_EQ(-ETIMEDOUT, fence_status(high));
	EXPECT_EQ(-ETIMEDOUT, fence_status(low));
	EXPECT_EQ(0, fence_status(higher));
	/* The value of the timeline has not changed. */
	EXPECT_EQ(0, fence_status(sw_sync_create(self->tl, 10)));
	EXPECT_EQ(0, sw_sync_inc(self->tl, 10));
	EXPECT_EQ(0, fence_status(sw_sync_create(self->tl, 11)));
}

/* Fences without a descriptor do not count against the quota forever: the driver prunes them. */
TEST_F_TIMEOUT(limits, forgotten_fences, 120)
{
	__u64 count = module_param("max_pending", 16384) * 2;
	int kept = sw_sync_create(self->tl, 1);
	__u64 i;

	for (i = 0; i < count; i++) {
		int fd = sw_sync_create(self->tl, i + 2);

		ASSERT_LE(0, fd) {
			TH_LOG("after %llu fences", i);
		}
		close(fd);
		if (now_ns() > self->too_late)
			SKIP(return, "too slow: %llu fences in the time they have",
			     i);
	}
	/* A fence whose descriptor is open is not pruned. */
	EXPECT_EQ(0, fence_status(kept));
	EXPECT_EQ(0, sw_sync_inc(self->tl, 1));
	EXPECT_EQ(1, fence_status(kept));
}

/* Returns how long a CREATE_FENCE takes that prunes half of all fences first, in ns. */
static __u64 pruning_time(int count, bool keep_oldest)
{
	int first = keep_oldest ? count / 2 : 0;
	int tl = sw_sync_open(SW_SYNC_DEVICE);
	int fds[count];
	__u64 start, took;
	int i;

	for (i = 0; i < count; i++)
		fds[i] = sw_sync_create(tl, i + 1);
	for (i = first; i < first + count / 2; i++)
		close(fds[i]);
	start = now_ns();
	i = sw_sync_create(tl, count + 1);
	took = now_ns() - start;
	close(i);
	for (i = count / 2 - first; i < count - first; i++)
		close(fds[i]);
	close(tl);
	return took;
}

/*
 * F7 of docs/testing.md: pruning looks at each fence once, whichever of them it removes. Other work
 * of the machine only makes a measured time longer. So the test compares the shortest of several
 * times, and measures more often on a busy machine.
 */
TEST_F_TIMEOUT(limits, pruned_in_one_walk, 390)
{
	/* Pruning begins at 64 fences, and then each time that the number has doubled. */
	__u64 limit = module_param("max_pending", 16384) < 16384 ? 2048 : 16384;
	__u64 oldest = ~0ULL, youngest = ~0ULL;
	int round;

	ASSERT_EQ(0, allow_fds(limit + 64));
	for (round = 0; round < 5 || (round < 30 && oldest >= 3 * youngest); round++) {
		__u64 took = pruning_time(limit, true);

		if (took < oldest)
			oldest = took;
		took = pruning_time(limit, false);
		if (took < youngest)
			youngest = took;
	}
	EXPECT_LT(oldest, 3 * youngest);
}

TEST_F_TIMEOUT(limits, pending, 120)
{
	__u64 limit = module_param("max_pending", 16384);
	__u64 i;
	int lowest;
	int fd;

	ASSERT_EQ(0, allow_fds(limit + 64));
	for (i = 0; i < limit; i++)
		ASSERT_LE(0, sw_sync_create(self->tl, i + 1));
	if (now_ns() > self->too_late)
		SKIP(return, "too slow: the first fences time out");
	/*
	 * Counting so many descriptors takes too long. If the refused call leaked a descriptor, the
	 * lowest free one would have changed.
	 */
	lowest = dup(0);
	close(lowest);
	EXPECT_EQ(-ENOSPC, sw_sync_create(self->tl, limit + 1));
	EXPECT_EQ(lowest, dup(0));
	close(lowest);
	EXPECT_EQ(0, sw_sync_inc(self->tl, 1));
	fd = sw_sync_create(self->tl, limit + 1);
	EXPECT_LE(0, fd);
	EXPECT_EQ(-ENOSPC, sw_sync_create(self->tl, limit + 2));
	/* A fence without a descriptor no longer counts against the quota. */
	close(fd);
	fd = sw_sync_create(self->tl, limit + 2);
	EXPECT_LE(0, fd);
	EXPECT_EQ(0, sw_sync_inc(self->tl, limit + 1));
	EXPECT_EQ(1, fence_status(fd));
}

/*
 * A deadline of S64_MAX or later means no deadline. The kernel's sw_sync takes such a time for a
 * past time, or for the last one.
 */
TEST_F(limits, deadlines_at_the_end_of_time)
{
	static const __u64 ends[] = { INT64_MAX, INT64_MAX + 1ULL, UINT64_MAX };
	int fd = sw_sync_create(self->tl, 1);
	__u64 seen;
	int i;

	for (i = 0; i < ARRAY_SIZE(ends); i++) {
		ASSERT_EQ(0, fence_set_deadline(fd, ends[i]));
		EXPECT_EQ(-ENOENT, sw_sync_deadline(self->tl, fd, &seen));
	}
	ASSERT_EQ(0, fence_set_deadline(fd, INT64_MAX - 1));
	EXPECT_EQ(0, sw_sync_deadline(self->tl, fd, &seen));
	EXPECT_EQ(INT64_MAX - 1, seen);
}

TEST_HARNESS_MAIN

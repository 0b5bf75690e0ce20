// SPDX-License-Identifier: GPL-2.0
/*
 * As many timelines and fences as the quotas allow. Wants max_timelines and
 * max_pending at 1048576, and 2 GiB of memory.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "fence.h"
#include "guest.h"
#include "harness.h"

#define TIMELINES	100000
#define FENCES		1048576

FIXTURE(scale)
{
};

FIXTURE_SETUP(scale)
{
	if (module_param("max_timelines", 0) < TIMELINES || module_param("max_pending", 0) < FENCES)
		SKIP(return, "the module's quotas are too low");
	/* The most that a process may have. */
	file_write("/proc/sys/fs/nr_open", "1200000");
	file_write("/proc/sys/fs/file-max", "2000000");
	ASSERT_EQ(0, allow_fds(FENCES + 1024));
}

FIXTURE_TEARDOWN(scale)
{
}

/* All at once, each of them closed with a fence pending. */
TEST_F_TIMEOUT(scale, timelines, 1800)
{
	int *timelines = calloc(TIMELINES, sizeof(int));
	int last = -1;
	int i;

	ASSERT_NE(NULL, timelines);
	for (i = 0; i < TIMELINES; i++) {
		timelines[i] = timeline_open();
		ASSERT_LE(0, timelines[i]) TH_LOG("timeline %d", i);
		if (last >= 0)
			close(last);
		last = fence_create(timelines[i]);
		ASSERT_LE(0, last);
	}
	EXPECT_EQ(0, fence_status(last));
	for (i = 0; i < TIMELINES; i++)
		close(timelines[i]);
	EXPECT_EQ(-ECANCELED, fence_status(last));
	ksft_print_msg("%d timelines open at once\n", TIMELINES);
	/* The quota is free again. */
	last = timeline_open();
	EXPECT_LE(0, last);
}

/* Pending up to the quota and not one more; then one call signals them all. */
TEST_F_TIMEOUT(scale, fences, 1800)
{
	int fds[FENCE_EXPORTER_MAX_FENCES];
	int tl = timeline_new("scale", 0, 0);
	unsigned int quota = FENCES;
	unsigned int made = 0;
	struct snapshot before;
	int last = -1;
	int i;

	ASSERT_LE(0, tl);
	while (made + FENCE_EXPORTER_MAX_FENCES <= quota) {
		ASSERT_EQ(made + 1, fence_create_many(tl, fds, FENCE_EXPORTER_MAX_FENCES));
		made += FENCE_EXPORTER_MAX_FENCES;
		if (last >= 0)
			close(last);
		last = fds[FENCE_EXPORTER_MAX_FENCES - 1];
		for (i = 0; i < FENCE_EXPORTER_MAX_FENCES - 1; i++)
			close(fds[i]);
	}
	before = snapshot(tl);
	EXPECT_EQ(made, before.info.pending);
	EXPECT_EQ(-EAGAIN, fence_create_many(tl, fds, FENCE_EXPORTER_MAX_FENCES));
	EXPECT_TRUE(unchanged(tl, &before));
	EXPECT_EQ(0, fence_status(last));
	EXPECT_EQ(made, fence_signal(tl, made, -EIO));
	EXPECT_EQ(-EIO, fence_status(last));
	EXPECT_EQ(0, timeline_state(tl).pending);
	EXPECT_EQ(made + 1, fence_create_many(tl, fds, 1));
	ksft_print_msg("%u fences pending at once\n", made);
}

TEST_HARNESS_MAIN

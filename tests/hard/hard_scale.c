// SPDX-License-Identifier: GPL-2.0
/*
 * Makes as many timelines and fences as the quotas allow, and many descriptors of one fence.
 * Needs max_timelines and max_pending of 1048576, and 2 GiB of memory.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "fence.h"
#include "guest.h"
#include "harness.h"

#define TIMELINES	100000
#define FENCES		1048576
#define SYNC_FILES	50000

FIXTURE(scale)
{
};

FIXTURE_SETUP(scale)
{
	if (module_param("max_timelines", 0) < TIMELINES || module_param("max_pending", 0) < FENCES)
		SKIP(return, "the module's quotas are too low");
	/* Raises the limits for descriptors of a process, and for open files. */
	file_write("/proc/sys/fs/nr_open", "1200000");
	file_write("/proc/sys/fs/file-max", "2000000");
	ASSERT_EQ(0, allow_fds(FENCES + 1024));
}

FIXTURE_TEARDOWN(scale)
{
}

/* Opens all timelines at once. Each of them is closed with a pending fence. */
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
	/* The close has made room in the quota. */
	last = timeline_open();
	EXPECT_LE(0, last);
}

/* Creates as many pending fences as the quota allows, but no more. Then one call signals all. */
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
	EXPECT_EQ(-ENOSPC, fence_create_many(tl, fds, FENCE_EXPORTER_MAX_FENCES));
	EXPECT_TRUE(unchanged(tl, &before));
	EXPECT_EQ(0, fence_status(last));
	EXPECT_EQ(made, fence_signal(tl, made, -EIO));
	EXPECT_EQ(-EIO, fence_status(last));
	EXPECT_EQ(0, timeline_state(tl).pending);
	EXPECT_EQ(made + 1, fence_create_many(tl, fds, 1));
	ksft_print_msg("%u fences pending at once\n", made);
}

/* Makes sync_files of one fence. A fence that is merged with itself remains the same fence. */
static void make_sync_files(struct __test_metadata *_metadata, int *fds, int fence)
{
	int i;

	for (i = 0; i < SYNC_FILES; i++) {
		fds[i] = fence_merge(fence, fence);
		ASSERT_LE(0, fds[i]);
		/* Polls the sync_file, which adds a callback of its own to the fence. */
		ASSERT_EQ(0, fence_wait(fds[i], 0));
	}
}

static void expect_each(struct __test_metadata *_metadata, int *fds, int status)
{
	int i;

	for (i = 0; i < SYNC_FILES; i++) {
		ASSERT_EQ(status, fence_status(fds[i])) TH_LOG("sync_file %d", i);
		ASSERT_EQ(1, fence_wait(fds[i], 0));
		close(fds[i]);
	}
}

/*
 * One fence is behind 50,000 sync_files. However the fence ends, all sync_files see it. One call
 * signals this fence, one fence before it and one after it, in the order of their numbers.
 */
TEST_F_TIMEOUT(scale, sync_files, 1800)
{
	int *many = calloc(SYNC_FILES, sizeof(int));
	int tl = timeline_new("scale", 0, 0);
	int fds[4];

	ASSERT_NE(NULL, many);
	ASSERT_EQ(1, fence_create_many(tl, fds, 4));
	make_sync_files(_metadata, many, fds[1]);
	EXPECT_EQ(3, fence_signal(tl, 3, -EIO));
	EXPECT_LE(fence_time(fds[0]), fence_time(fds[1]));
	EXPECT_LE(fence_time(fds[1]), fence_time(fds[2]));
	expect_each(_metadata, many, -EIO);
	make_sync_files(_metadata, many, fds[3]);
	close(tl);
	expect_each(_metadata, many, -ECANCELED);
	ksft_print_msg("%d sync_files of one fence\n", SYNC_FILES);
}

TEST_HARNESS_MAIN

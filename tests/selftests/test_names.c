// SPDX-License-Identifier: GPL-2.0
/* The result of SYNC_IOC_FILE_INFO, before and after a fence signals. */
#include <pthread.h>
#include <stdatomic.h>

#include "fence.h"
#include "harness.h"

FIXTURE(names)
{
	int tl;
	int fd;
};

FIXTURE_SETUP(names)
{
	self->tl = timeline_new("gpu", 0, 0);
	ASSERT_LE(0, self->tl);
	self->fd = fence_create(self->tl);
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(names)
{
}

TEST_F(names, while_pending)
{
	struct sync_fence_info fence;

	ASSERT_EQ(0, fence_describe(self->fd, &fence));
	EXPECT_STREQ("gpu", fence.obj_name);
	EXPECT_STREQ("fence_exporter", fence.driver_name);
	EXPECT_EQ(0, fence.status);
	EXPECT_EQ(0, fence.timestamp_ns);
}

/* A fence that has signaled no longer refers to its timeline, which may have been freed. */
TEST_F(names, after_signalling)
{
	struct sync_fence_info fence;
	__u64 before = now_ns();

	ASSERT_EQ(1, fence_signal(self->tl, 1, 0));
	ASSERT_EQ(0, fence_describe(self->fd, &fence));
	EXPECT_STREQ("signaled-timeline", fence.obj_name);
	EXPECT_STREQ("detached-driver", fence.driver_name);
	EXPECT_EQ(1, fence.status);
	EXPECT_LE(before, fence.timestamp_ns);
	EXPECT_GE(now_ns(), fence.timestamp_ns);
}

TEST_F(names, after_close)
{
	struct sync_fence_info fence;

	ASSERT_EQ(0, close(self->tl));
	ASSERT_EQ(0, fence_describe(self->fd, &fence));
	EXPECT_STREQ("signaled-timeline", fence.obj_name);
	EXPECT_STREQ("detached-driver", fence.driver_name);
	EXPECT_EQ(-ECANCELED, fence.status);
}

/* The name of a sync_file contains the context and the number of its fence. */
TEST_F(names, of_the_sync_file)
{
	struct fence_exporter_info state = timeline_state(self->tl);
	struct sync_file_info info;
	char expected[64];

	snprintf(expected, 32, "fence_exporter-gpu%llu-1", state.context);
	ASSERT_EQ(0, fence_file_info(self->fd, &info));
	EXPECT_STREQ(expected, info.name);
	EXPECT_EQ(1, info.num_fences);

	snprintf(expected, 32, "fence_exporter-gpu%llu-2", state.context);
	ASSERT_EQ(0, fence_file_info(fence_create(self->tl), &info));
	EXPECT_STREQ(expected, info.name);
}

TEST_F(names, of_merged_fences)
{
	int other = timeline_new("display", 0, 0);
	struct sync_fence_info fences[2] = {};
	struct sync_file_info info = {
		.num_fences = 2,
		.sync_fence_info = (unsigned long)fences,
	};
	bool gpu_first;
	int merged;

	ASSERT_LE(0, other);
	merged = fence_merge(self->fd, fence_create(other));
	ASSERT_LE(0, merged);
	ASSERT_EQ(0, call(merged, SYNC_IOC_FILE_INFO, &info));
	EXPECT_EQ(2, info.num_fences);
	gpu_first = !strcmp(fences[0].obj_name, "gpu");
	EXPECT_STREQ("gpu", fences[!gpu_first].obj_name);
	EXPECT_STREQ("display", fences[gpu_first].obj_name);
}

/* If two fences of one timeline are merged, only the later one remains. */
TEST_F(names, of_one_timeline_merged)
{
	struct sync_file_info info;
	int later = fence_create(self->tl);
	int merged;

	ASSERT_LE(0, later);
	merged = fence_merge(self->fd, later);
	ASSERT_LE(0, merged);
	ASSERT_EQ(0, fence_file_info(merged, &info));
	EXPECT_EQ(1, info.num_fences);
	EXPECT_EQ(1, fence_signal(self->tl, 1, 0));
	EXPECT_EQ(0, fence_status(merged));
	EXPECT_EQ(1, fence_signal(self->tl, 2, 0));
	EXPECT_EQ(1, fence_status(merged));
}

TEST_F(names, contexts_differ)
{
	int other = timeline_open();

	ASSERT_LE(0, other);
	EXPECT_NE(0, timeline_state(self->tl).context);
	EXPECT_NE(timeline_state(self->tl).context, timeline_state(other).context);
}

struct reader {
	pthread_t thread;
	atomic_int fd;
	atomic_bool stop;
	unsigned long reads;
	unsigned long wrong;
};

static bool known_name(const struct sync_fence_info *fence)
{
	/* The kernel reads the two names one after the other. So any combination may be seen. */
	return (!strcmp(fence->obj_name, "racing") ||
		!strcmp(fence->obj_name, "signaled-timeline")) &&
	       (!strcmp(fence->driver_name, "fence_exporter") ||
		!strcmp(fence->driver_name, "detached-driver"));
}

static void *read_names(void *arg)
{
	struct reader *reader = arg;

	while (!reader->stop) {
		struct sync_fence_info fence;
		int fd = reader->fd;

		if (fd < 0 || fence_describe(fd, &fence))
			continue;
		reader->reads++;
		if (!known_name(&fence))
			reader->wrong++;
	}
	return NULL;
}

/* Threads read the names while fences signal and timelines are closed. */
TEST_F(names, while_signalling_and_closing)
{
	struct reader readers[2] = {};
	__u64 end = now_ns() + 3 * NSEC_PER_SEC;
	unsigned int round;
	int i;

	for (i = 0; i < 2; i++) {
		readers[i].fd = -1;
		ASSERT_EQ(0, pthread_create(&readers[i].thread, NULL, read_names,
					    &readers[i]));
	}
	for (round = 0; now_ns() < end; round++) {
		int tl = timeline_new("racing", 0, 0);
		int fd = fence_create(tl);

		if (tl < 0 || fd < 0)
			break;
		for (i = 0; i < 2; i++)
			readers[i].fd = fd;
		if (round % 2)
			fence_signal(tl, 1, 0);
		close(tl);
		close(fd);
	}
	for (i = 0; i < 2; i++) {
		readers[i].stop = true;
		pthread_join(readers[i].thread, NULL);
		EXPECT_LT(0, readers[i].reads);
		EXPECT_EQ(0, readers[i].wrong);
	}
	EXPECT_LT(10, round);
}

TEST_HARNESS_MAIN

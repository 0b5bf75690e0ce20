// SPDX-License-Identifier: GPL-2.0
/*
 * Removing the module: an open timeline keeps the module loaded. The descriptor of a
 * signaled fence does not, and can still be used. Needs root and, in the environment,
 *
 *   FENCE_KO      the file of the module
 *   FENCE_PARAMS  its parameters, with which the test loads it again; by default those
 *                 that provide the nodes that exist
 */
#include <fcntl.h>
#include <sys/syscall.h>
#include <linux/dma-buf.h>

#include "buffer.h"
#include "fence.h"
#include "harness.h"
#include "module.h"
#include "sw_sync.h"

FIXTURE(unload)
{
	int tl;
	int fd;
};

FIXTURE_SETUP(unload)
{
	if (!getenv("FENCE_KO"))
		SKIP(return, "FENCE_KO doesn't name the module's file");
	ASSERT_TRUE(module_is_loaded());
	self->tl = timeline_new("unload", 0, 0);
	ASSERT_LE(0, self->tl);
	self->fd = fence_create(self->tl);
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(unload)
{
	close(self->tl);
	close(self->fd);
	if (!module_is_loaded())
		EXPECT_EQ(0, module_load(module_params()));
	EXPECT_EQ(0, access(FENCE_DEVICE, F_OK));
}

TEST_F(unload, open_timeline_keeps_it)
{
	/*
	 * The timeline has one reference, and the open file has another one, because the module's
	 * code releases the file.
	 */
	EXPECT_EQ(2, module_references());
	EXPECT_EQ(-EWOULDBLOCK, module_remove());
	EXPECT_EQ(0, fence_status(self->fd));
	EXPECT_EQ(1, fence_signal(self->tl, 1, 0));
	EXPECT_EQ(-EWOULDBLOCK, module_remove());
	EXPECT_TRUE(module_is_loaded());
}

TEST_F(unload, signaled_fence_stays)
{
	struct sync_fence_info before;
	struct sync_fence_info after;

	ASSERT_EQ(1, fence_signal(self->tl, 1, -EIO));
	ASSERT_EQ(0, fence_describe(self->fd, &before));
	ASSERT_EQ(0, close(self->tl));
	self->tl = -1;
	ASSERT_EQ(0, module_remove());
	EXPECT_FALSE(module_is_loaded());
	EXPECT_NE(0, access(FENCE_DEVICE, F_OK));

	EXPECT_EQ(1, fence_wait(self->fd, 0));
	ASSERT_EQ(0, fence_describe(self->fd, &after));
	EXPECT_STREQ("signaled-timeline", after.obj_name);
	EXPECT_STREQ("detached-driver", after.driver_name);
	EXPECT_EQ(-EIO, after.status);
	EXPECT_EQ(before.timestamp_ns, after.timestamp_ns);
	EXPECT_EQ(0, fence_set_deadline(self->fd, now_ns()));
}

TEST_F(unload, cancelled_fence_stays)
{
	ASSERT_EQ(0, close(self->tl));
	self->tl = -1;
	ASSERT_EQ(0, module_remove());
	EXPECT_EQ(-ECANCELED, fence_status(self->fd));
	EXPECT_EQ(1, fence_wait(self->fd, 0));
}

/*
 * A pending fence of the module in a merged sync_file belongs to an open timeline, which keeps the
 * module loaded.
 */
TEST_F(unload, referenced_by_a_merge)
{
	int other = timeline_open();
	int pending = fence_create(other);
	int merged = fence_merge(self->fd, pending);

	ASSERT_LE(0, merged);
	ASSERT_EQ(0, close(self->tl));
	self->tl = -1;
	EXPECT_EQ(-EWOULDBLOCK, module_remove());
	EXPECT_EQ(0, fence_status(merged));
	ASSERT_EQ(0, close(other));
	EXPECT_EQ(1, fence_wait(merged, LONG_MS));
	ASSERT_EQ(0, module_remove());
	EXPECT_EQ(-ECANCELED, fence_status(merged));
	close(pending);
	close(merged);
}

TEST_F(unload, held_by_a_buffer)
{
	const char *source;
	int buffer = buffer_any(sysconf(_SC_PAGESIZE), &source);

	ASSERT_LE(0, buffer);
	ASSERT_EQ(0, buffer_import(buffer, self->fd, DMA_BUF_SYNC_WRITE));
	ASSERT_EQ(0, close(self->fd));
	self->fd = -1;
	ASSERT_EQ(0, close(self->tl));
	self->tl = -1;
	ASSERT_EQ(0, module_remove());
	self->fd = buffer_export(buffer, DMA_BUF_SYNC_WRITE);
	EXPECT_LE(0, self->fd);
	EXPECT_EQ(1, fence_wait(self->fd, 0));
	close(buffer);
}

/* When a timeline is closed, its timers and queued jobs end. */
TEST_F(unload, with_work_under_way)
{
	int engine = timeline_new("engine", 0, FENCE_EXPORTER_SETUP_ENGINE);
	int first;
	int i;

	for (i = 0; i < 10; i++)
		fence_signal_at(self->tl, 1, now_ns() + NSEC_PER_SEC, 0);
	first = fence_submit(engine, NSEC_PER_SEC, -1, 0);
	EXPECT_LE(0, fence_submit(engine, NSEC_PER_SEC, first, 0));
	/* Queues a job that waits for a fence of another timeline. */
	EXPECT_LE(0, fence_submit(engine, 0, self->fd, 0));
	ASSERT_EQ(0, close(engine));
	ASSERT_EQ(0, close(self->tl));
	self->tl = -1;
	ASSERT_EQ(0, module_remove());
	EXPECT_EQ(-ECANCELED, fence_status(self->fd));
	EXPECT_EQ(-ECANCELED, fence_status(first));
	sleep_ms(1200);
}

/* The sw_sync node exists only if the parameter asks for it. */
TEST_F(unload, no_compatible_node_by_default)
{
	close(self->tl);
	self->tl = -1;
	module_params();
	ASSERT_EQ(0, module_remove());
	ASSERT_EQ(0, module_load(""));
	EXPECT_NE(0, access(SW_SYNC_DEVICE, F_OK));
	ASSERT_EQ(0, module_remove());
}

TEST_F(unload, again_and_again)
{
	int i;

	close(self->tl);
	self->tl = -1;
	for (i = 0; i < 5; i++) {
		int tl;

		ASSERT_EQ(0, module_remove());
		ASSERT_EQ(0, module_load(module_params()));
		tl = timeline_open();
		ASSERT_LE(0, tl);
		ASSERT_LE(0, fence_create(tl));
		ASSERT_EQ(0, close(tl));
	}
}

TEST_HARNESS_MAIN

// SPDX-License-Identifier: GPL-2.0
/* Fences at real dma-bufs: who may read and write a buffer, and when. */
#include <limits.h>
#include <poll.h>
#include <sys/epoll.h>
#include <linux/dma-buf.h>

#include "buffer.h"
#include "fence.h"
#include "harness.h"
#include "lateness.h"
#include "sw_sync.h"

FIXTURE(dma_buf)
{
	int buffer;
	int tl;
};

FIXTURE_VARIANT(dma_buf)
{
	enum buffer_source source;
};

FIXTURE_VARIANT_ADD(dma_buf, heap)
{
	.source = BUFFER_HEAP,
};

FIXTURE_VARIANT_ADD(dma_buf, udmabuf)
{
	.source = BUFFER_UDMABUF,
};

FIXTURE_SETUP(dma_buf)
{
	ASSERT_EQ(0, lateness_watch());
	self->buffer = buffer_new(variant->source, 16 * 4096);
	if (self->buffer == -ENOENT)
		SKIP(return, "no device to get a buffer from");
	ASSERT_LE(0, self->buffer);
	self->tl = timeline_new("writer", 0, FENCE_EXPORTER_SETUP_EVENTS);
	ASSERT_LE(0, self->tl);
}

FIXTURE_TEARDOWN(dma_buf)
{
	close(self->buffer);
	close(self->tl);
}

#define BOTH	(POLLIN | POLLOUT)

TEST_F(dma_buf, idle_at_first)
{
	EXPECT_EQ(POLLIN, buffer_poll(self->buffer, POLLIN, 0));
	EXPECT_EQ(POLLOUT, buffer_poll(self->buffer, POLLOUT, 0));
}

TEST_F(dma_buf, written)
{
	int fd = fence_create(self->tl);

	ASSERT_EQ(0, buffer_import(self->buffer, fd, DMA_BUF_SYNC_WRITE));
	/* The buffer has its own reference to the fence, and does not need the descriptor. */
	close(fd);
	EXPECT_EQ(0, buffer_poll(self->buffer, POLLIN, 20));
	EXPECT_EQ(0, buffer_poll(self->buffer, POLLOUT, 20));
	ASSERT_EQ(1, fence_signal(self->tl, 1, 0));
	EXPECT_EQ(POLLIN, buffer_poll(self->buffer, POLLIN, LONG_MS));
	EXPECT_EQ(POLLOUT, buffer_poll(self->buffer, POLLOUT, LONG_MS));
}

TEST_F(dma_buf, read)
{
	int fd = fence_create(self->tl);

	ASSERT_EQ(0, buffer_import(self->buffer, fd, DMA_BUF_SYNC_READ));
	EXPECT_EQ(POLLIN, buffer_poll(self->buffer, POLLIN, LONG_MS));
	EXPECT_EQ(0, buffer_poll(self->buffer, POLLOUT, 20));
	ASSERT_EQ(1, fence_signal(self->tl, 1, 0));
	EXPECT_EQ(POLLOUT, buffer_poll(self->buffer, POLLOUT, LONG_MS));
}

TEST_F(dma_buf, sleeping_waiter_wakes)
{
	__u64 time = now_ns() + 200 * NSEC_PER_MSEC;

	ASSERT_EQ(0, buffer_import(self->buffer, fence_create(self->tl),
				   DMA_BUF_SYNC_WRITE));
	ASSERT_EQ(0, fence_signal_at(self->tl, 1, time, 0));
	EXPECT_EQ(POLLIN, buffer_poll(self->buffer, POLLIN, LONG_MS));
	EXPECT_TRUE(in_time(now_ns(), time, time));
}

TEST_F(dma_buf, epoll)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLONESHOT };
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	ASSERT_EQ(0, buffer_import(self->buffer, fence_create(self->tl),
				   DMA_BUF_SYNC_WRITE));
	ASSERT_EQ(0, epoll_ctl(epoll, EPOLL_CTL_ADD, self->buffer, &event));
	EXPECT_EQ(0, epoll_wait(epoll, &event, 1, 20));
	ASSERT_EQ(1, fence_signal(self->tl, 1, 0));
	EXPECT_EQ(1, epoll_wait(epoll, &event, 1, LONG_MS));
}

/* The owner of the fence gets an event when a process waits for the buffer. */
TEST_F(dma_buf, waiter_is_an_event)
{
	struct fence_exporter_event event;

	ASSERT_EQ(0, buffer_import(self->buffer, fence_create(self->tl),
				   DMA_BUF_SYNC_WRITE));
	EXPECT_EQ(0, timeline_event(self->tl, &event, 20));
	EXPECT_EQ(0, buffer_poll(self->buffer, POLLIN, 0));
	ASSERT_EQ(1, timeline_event(self->tl, &event, LONG_MS));
	EXPECT_EQ(FENCE_EXPORTER_EVENT_WAIT, event.type);
	EXPECT_EQ(1, event.seqno);
}

/* The buffer becomes ready, however its fence completes. */
TEST_F(dma_buf, free_after_error_timeout_and_close)
{
	int tl = timeline_new("short", 100 * NSEC_PER_MSEC, 0);

	ASSERT_EQ(0, buffer_import(self->buffer, fence_create(self->tl),
				   DMA_BUF_SYNC_WRITE));
	ASSERT_EQ(1, fence_signal(self->tl, 1, -EIO));
	EXPECT_EQ(POLLIN, buffer_poll(self->buffer, POLLIN, LONG_MS));

	ASSERT_EQ(0, buffer_import(self->buffer, fence_create(tl),
				   DMA_BUF_SYNC_WRITE));
	EXPECT_EQ(POLLIN, buffer_poll(self->buffer, POLLIN, LONG_MS));
	EXPECT_EQ(1, timeline_state(tl).timed_out);

	ASSERT_EQ(0, buffer_import(self->buffer, fence_create(self->tl),
				   DMA_BUF_SYNC_WRITE));
	EXPECT_EQ(0, buffer_poll(self->buffer, POLLIN, 20));
	close(self->tl);
	self->tl = -1;
	EXPECT_EQ(POLLIN, buffer_poll(self->buffer, POLLIN, LONG_MS));
}

/* Two writers: the buffer is ready when the fences of both have signaled. */
TEST_F(dma_buf, two_timelines)
{
	int other = timeline_open();

	ASSERT_EQ(0, buffer_import(self->buffer, fence_create(self->tl),
				   DMA_BUF_SYNC_WRITE));
	ASSERT_EQ(0, buffer_import(self->buffer, fence_create(other),
				   DMA_BUF_SYNC_WRITE));
	ASSERT_EQ(1, fence_signal(other, 1, 0));
	EXPECT_EQ(0, buffer_poll(self->buffer, POLLIN, 20));
	ASSERT_EQ(1, fence_signal(self->tl, 1, 0));
	EXPECT_EQ(POLLIN, buffer_poll(self->buffer, POLLIN, LONG_MS));
}

/*
 * Of several fences of one timeline, the buffer waits for the last one, in whatever order they were
 * attached.
 */
TEST_F(dma_buf, later_fence_counts)
{
	int fds[3];

	ASSERT_EQ(1, fence_create_many(self->tl, fds, 3));
	ASSERT_EQ(0, buffer_import(self->buffer, fds[2], DMA_BUF_SYNC_WRITE));
	ASSERT_EQ(0, buffer_import(self->buffer, fds[0], DMA_BUF_SYNC_WRITE));
	ASSERT_EQ(2, fence_signal(self->tl, 2, 0));
	EXPECT_EQ(0, buffer_poll(self->buffer, POLLIN, 20));
	ASSERT_EQ(1, fence_signal(self->tl, 3, 0));
	EXPECT_EQ(POLLIN, buffer_poll(self->buffer, POLLIN, LONG_MS));
}

TEST_F(dma_buf, exported_again)
{
	struct sync_fence_info fence;
	int fd = fence_create(self->tl);
	int again;

	ASSERT_EQ(0, buffer_import(self->buffer, fd, DMA_BUF_SYNC_WRITE));
	again = buffer_export(self->buffer, DMA_BUF_SYNC_READ);
	ASSERT_LE(0, again);
	ASSERT_EQ(0, fence_describe(again, &fence));
	EXPECT_STREQ("writer", fence.obj_name);
	EXPECT_STREQ("fence_exporter", fence.driver_name);
	EXPECT_EQ(0, fence.status);
	ASSERT_EQ(1, fence_signal(self->tl, 1, -EIO));
	EXPECT_EQ(1, fence_wait(again, LONG_MS));
	EXPECT_EQ(-EIO, fence_status(again));
}

/*
 * DMA_BUF_IOCTL_SYNC, which a program calls before its processor accesses the buffer, also waits.
 */
TEST_F(dma_buf, access_by_the_processor_waits)
{
	struct dma_buf_sync sync = { .flags = DMA_BUF_SYNC_READ | DMA_BUF_SYNC_START };
	__u64 time = now_ns() + 200 * NSEC_PER_MSEC;

	ASSERT_EQ(0, buffer_import(self->buffer, fence_create(self->tl),
				   DMA_BUF_SYNC_WRITE));
	ASSERT_EQ(0, fence_signal_at(self->tl, 1, time, 0));
	EXPECT_EQ(0, call(self->buffer, DMA_BUF_IOCTL_SYNC, &sync));
	EXPECT_LE(time, now_ns());
}

TEST_F(dma_buf, merged_fences)
{
	int other = timeline_open();
	int merged = fence_merge(fence_create(self->tl), fence_create(other));

	ASSERT_LE(0, merged);
	ASSERT_EQ(0, buffer_import(self->buffer, merged, DMA_BUF_SYNC_WRITE));
	ASSERT_EQ(1, fence_signal(self->tl, 1, 0));
	EXPECT_EQ(0, buffer_poll(self->buffer, POLLIN, 20));
	ASSERT_EQ(1, fence_signal(other, 1, 0));
	EXPECT_EQ(POLLIN, buffer_poll(self->buffer, POLLIN, LONG_MS));
}

TEST_F(dma_buf, buffer_goes_first)
{
	int fd = fence_create(self->tl);

	ASSERT_EQ(0, buffer_import(self->buffer, fd, DMA_BUF_SYNC_WRITE));
	EXPECT_EQ(0, buffer_poll(self->buffer, POLLIN, 0));
	close(self->buffer);
	self->buffer = -1;
	EXPECT_EQ(0, fence_status(fd));
	EXPECT_EQ(1, fence_signal(self->tl, 1, 0));
	EXPECT_EQ(1, fence_status(fd));
}

/*
 * F1 of docs/testing.md: of two fences of one timeline, a buffer keeps the later one. Values of
 * sw_sync wrap. A fence that signaled long ago must not count as the later one because of this.
 */
TEST_F(dma_buf, fence_of_long_ago)
{
	const __u32 far = INT_MAX + 20U;
	int tl = sw_sync_open(SW_SYNC_DEVICE);
	int old, pending;

	if (tl < 0)
		SKIP(return, SW_SYNC_DEVICE " is not there: load with sw_sync=1");
	old = sw_sync_create(tl, 1);
	EXPECT_EQ(0, sw_sync_inc(tl, INT_MAX));
	EXPECT_EQ(1, fence_status(old));
	pending = sw_sync_create(tl, far);
	ASSERT_EQ(0, buffer_import(self->buffer, pending, DMA_BUF_SYNC_WRITE));
	ASSERT_EQ(0, buffer_import(self->buffer, old, DMA_BUF_SYNC_WRITE));
	EXPECT_EQ(0, buffer_poll(self->buffer, POLLIN, 20));
	EXPECT_EQ(0, sw_sync_inc(tl, 20));
	EXPECT_EQ(1, fence_status(pending));
	EXPECT_EQ(POLLIN, buffer_poll(self->buffer, POLLIN, LONG_MS));
	close(tl);
}

TEST_HARNESS_MAIN

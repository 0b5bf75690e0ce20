// SPDX-License-Identifier: GPL-2.0
/* The module's fences together with those of another driver: vgem's buffers and fences. */
#include <poll.h>
#include <drm/drm.h>
#include <drm/vgem_drm.h>
#include <linux/dma-buf.h>

#include "buffer.h"
#include "drm_card.h"
#include "fence.h"
#include "harness.h"

FIXTURE(vgem)
{
	struct dumb dumb;
	int card;
	int buffer;
	int tl;
};

FIXTURE_SETUP(vgem)
{
	self->card = card_open("vgem");
	if (self->card < 0)
		SKIP(return, "no vgem device");
	ASSERT_EQ(0, card_dumb(self->card, 64, 64, &self->dumb));
	self->buffer = card_export(self->card, self->dumb.handle);
	ASSERT_LE(0, self->buffer);
	self->tl = timeline_new("ours", 0, 0);
	ASSERT_LE(0, self->tl);
}

FIXTURE_TEARDOWN(vgem)
{
	close(self->tl);
	close(self->buffer);
	close(self->card);
}

/* Attaches a fence of vgem to the buffer. Returns the handle of the fence. */
static int vgem_attach(int card, __u32 handle, __u32 flags)
{
	struct drm_vgem_fence_attach arg = { .handle = handle, .flags = flags };
	int ret = call(card, DRM_IOCTL_VGEM_FENCE_ATTACH, &arg);

	return ret < 0 ? ret : (int)arg.out_fence;
}

static int vgem_signal(int card, int fence)
{
	struct drm_vgem_fence_signal arg = { .fence = fence };

	return call(card, DRM_IOCTL_VGEM_FENCE_SIGNAL, &arg);
}

TEST_F(vgem, buffer_waits_for_ours)
{
	ASSERT_EQ(0, buffer_import(self->buffer, fence_create(self->tl),
				   DMA_BUF_SYNC_WRITE));
	EXPECT_EQ(0, buffer_poll(self->buffer, POLLIN, 20));
	ASSERT_EQ(1, fence_signal(self->tl, 1, 0));
	EXPECT_EQ(POLLIN, buffer_poll(self->buffer, POLLIN, LONG_MS));
}

/* vgem sees that the buffer is busy, and sees when it no longer is. */
TEST_F(vgem, driver_honours_ours)
{
	int fence;

	ASSERT_EQ(0, buffer_import(self->buffer, fence_create(self->tl),
				   DMA_BUF_SYNC_WRITE));
	EXPECT_EQ(-EBUSY, vgem_attach(self->card, self->dumb.handle, 0));
	EXPECT_EQ(-EBUSY, vgem_attach(self->card, self->dumb.handle,
				      VGEM_FENCE_WRITE));
	ASSERT_EQ(1, fence_signal(self->tl, 1, 0));
	fence = vgem_attach(self->card, self->dumb.handle, VGEM_FENCE_WRITE);
	EXPECT_LT(0, fence);
	EXPECT_EQ(0, vgem_signal(self->card, fence));
}

TEST_F(vgem, both_at_one_buffer)
{
	int fence = vgem_attach(self->card, self->dumb.handle, VGEM_FENCE_WRITE);

	ASSERT_LT(0, fence);
	ASSERT_EQ(0, buffer_import(self->buffer, fence_create(self->tl),
				   DMA_BUF_SYNC_WRITE));
	ASSERT_EQ(1, fence_signal(self->tl, 1, 0));
	EXPECT_EQ(0, buffer_poll(self->buffer, POLLIN, 20));
	EXPECT_EQ(0, vgem_signal(self->card, fence));
	EXPECT_EQ(POLLIN, buffer_poll(self->buffer, POLLIN, LONG_MS));
}

/* Merges fences of two drivers into one sync_file. */
TEST_F(vgem, merged)
{
	struct sync_fence_info fences[2] = {};
	struct sync_file_info info = {
		.num_fences = 2,
		.sync_fence_info = (unsigned long)fences,
	};
	int fence = vgem_attach(self->card, self->dumb.handle, VGEM_FENCE_WRITE);
	int theirs, merged;
	bool first;

	ASSERT_LT(0, fence);
	theirs = buffer_export(self->buffer, DMA_BUF_SYNC_READ);
	ASSERT_LE(0, theirs);
	merged = fence_merge(fence_create(self->tl), theirs);
	ASSERT_LE(0, merged);
	ASSERT_EQ(0, call(merged, SYNC_IOC_FILE_INFO, &info));
	ASSERT_EQ(2, info.num_fences);
	first = !strcmp(fences[0].driver_name, "fence_exporter");
	EXPECT_STREQ("fence_exporter", fences[!first].driver_name);
	EXPECT_STREQ("ours", fences[!first].obj_name);
	EXPECT_STREQ("vgem", fences[first].driver_name);

	EXPECT_EQ(0, fence_wait(merged, 20));
	EXPECT_EQ(0, vgem_signal(self->card, fence));
	EXPECT_EQ(0, fence_wait(merged, 20));
	EXPECT_EQ(1, fence_signal(self->tl, 1, -EIO));
	EXPECT_EQ(1, fence_wait(merged, LONG_MS));
	EXPECT_EQ(-EIO, fence_status(merged));
}

/* A job of an engine waits for a fence of another driver. */
TEST_F(vgem, job_waits_for_theirs)
{
	int engine = timeline_new("engine", 0, FENCE_EXPORTER_SETUP_ENGINE);
	int fence = vgem_attach(self->card, self->dumb.handle, VGEM_FENCE_WRITE);
	int out;

	ASSERT_LT(0, fence);
	out = fence_submit(engine, 10 * NSEC_PER_MSEC,
			   buffer_export(self->buffer, DMA_BUF_SYNC_READ), 0);
	ASSERT_LE(0, out);
	EXPECT_EQ(0, fence_wait(out, 100));
	EXPECT_EQ(0, vgem_signal(self->card, fence));
	EXPECT_EQ(1, fence_wait(out, LONG_MS));
	EXPECT_EQ(1, fence_status(out));
}

/*
 * The engine is closed while its job waits for vgem's fence. No callback may remain at that fence.
 */
TEST_F(vgem, engine_closed_while_waiting)
{
	int engine = timeline_new("engine", 0, FENCE_EXPORTER_SETUP_ENGINE);
	int fence = vgem_attach(self->card, self->dumb.handle, VGEM_FENCE_WRITE);
	int out;

	ASSERT_LT(0, fence);
	out = fence_submit(engine, 0,
			   buffer_export(self->buffer, DMA_BUF_SYNC_READ), 0);
	ASSERT_LE(0, out);
	close(engine);
	EXPECT_EQ(-ECANCELED, fence_status(out));
	EXPECT_EQ(0, vgem_signal(self->card, fence));
	EXPECT_EQ(-ECANCELED, fence_status(out));
}

TEST_HARNESS_MAIN

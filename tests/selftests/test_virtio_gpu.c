// SPDX-License-Identifier: GPL-2.0
/* The module's fences in DRM syncobjs, with virtio-gpu. */
#include <pthread.h>
#include <drm/drm.h>

#include "drm_card.h"
#include "fence.h"
#include "harness.h"

FIXTURE(syncobj)
{
	__u32 object;
	int card;
	int tl;
};

static int object_new(int card, __u32 flags, __u32 *object)
{
	struct drm_syncobj_create arg = { .flags = flags };
	int ret = call(card, DRM_IOCTL_SYNCOBJ_CREATE, &arg);

	*object = arg.handle;
	return ret;
}

FIXTURE_SETUP(syncobj)
{
	struct drm_get_cap cap = { .capability = DRM_CAP_SYNCOBJ_TIMELINE };

	self->card = card_open("virtio_gpu");
	if (self->card < 0)
		SKIP(return, "no virtio-gpu device");
	if (call(self->card, DRM_IOCTL_GET_CAP, &cap) || !cap.value)
		SKIP(return, "virtio-gpu has no sync objects");
	ASSERT_EQ(0, object_new(self->card, 0, &self->object));
	self->tl = timeline_new("ours", 0, FENCE_EXPORTER_SETUP_EVENTS);
	ASSERT_LE(0, self->tl);
}

FIXTURE_TEARDOWN(syncobj)
{
	close(self->tl);
	close(self->card);
}

static int object_import(int card, __u32 object, int fence)
{
	struct drm_syncobj_handle arg = {
		.handle = object,
		.fd = fence,
		.flags = DRM_SYNCOBJ_FD_TO_HANDLE_FLAGS_IMPORT_SYNC_FILE,
	};

	return call(card, DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE, &arg);
}

static int object_export(int card, __u32 object)
{
	struct drm_syncobj_handle arg = {
		.handle = object,
		.fd = -1,
		.flags = DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_EXPORT_SYNC_FILE,
	};
	int ret = call(card, DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, &arg);

	return ret < 0 ? ret : arg.fd;
}

/* Waits until the fence of @object signals, or until the time @timeout_ns (CLOCK_MONOTONIC). */
static int object_wait(int card, __u32 object, __u64 timeout_ns, __u64 deadline_ns)
{
	struct drm_syncobj_wait arg = {
		.handles = (unsigned long)&object,
		.count_handles = 1,
		.timeout_nsec = timeout_ns,
		.flags = deadline_ns ? DRM_SYNCOBJ_WAIT_FLAGS_WAIT_DEADLINE : 0,
		.deadline_nsec = deadline_ns,
	};

	return call(card, DRM_IOCTL_SYNCOBJ_WAIT, &arg);
}

/* Copies the fence of a binary syncobj to a point of a timeline syncobj. */
static int point_set(int card, __u32 object, __u64 point, __u32 source)
{
	struct drm_syncobj_transfer arg = {
		.src_handle = source,
		.dst_handle = object,
		.dst_point = point,
	};

	return call(card, DRM_IOCTL_SYNCOBJ_TRANSFER, &arg);
}

static int point_wait(int card, __u32 object, __u64 point, __u64 timeout_ns)
{
	struct drm_syncobj_timeline_wait arg = {
		.handles = (unsigned long)&object,
		.points = (unsigned long)&point,
		.count_handles = 1,
		.timeout_nsec = timeout_ns,
	};

	return call(card, DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT, &arg);
}

static __u64 point_reached(int card, __u32 object)
{
	__u64 point = 0;
	struct drm_syncobj_timeline_array arg = {
		.handles = (unsigned long)&object,
		.points = (unsigned long)&point,
		.count_handles = 1,
	};

	return call(card, DRM_IOCTL_SYNCOBJ_QUERY, &arg) ? ~0ULL : point;
}

static __u64 in_ms(unsigned int ms)
{
	return now_ns() + ms * NSEC_PER_MSEC;
}

TEST_F(syncobj, import_and_wait)
{
	__u64 time;

	ASSERT_EQ(0, object_import(self->card, self->object,
				   fence_create(self->tl)));
	EXPECT_EQ(-ETIME, object_wait(self->card, self->object, 0, 0));
	EXPECT_EQ(-ETIME, object_wait(self->card, self->object, in_ms(50), 0));
	time = in_ms(200);
	ASSERT_EQ(0, fence_signal_at(self->tl, 1, time, 0));
	EXPECT_EQ(0, object_wait(self->card, self->object, in_ms(LONG_MS), 0));
	EXPECT_LE(time, now_ns());
	EXPECT_EQ(0, object_wait(self->card, self->object, 0, 0));
}

TEST_F(syncobj, wait_is_an_event)
{
	__u64 deadline = in_ms(1000);
	struct fence_exporter_event event;
	bool waited = false;
	bool wanted = false;

	ASSERT_EQ(0, object_import(self->card, self->object,
				   fence_create(self->tl)));
	EXPECT_EQ(-ETIME, object_wait(self->card, self->object, in_ms(20),
				      deadline));
	while (timeline_event(self->tl, &event, 20) == 1) {
		EXPECT_EQ(1, event.seqno);
		if (event.type == FENCE_EXPORTER_EVENT_WAIT)
			waited = true;
		if (event.type == FENCE_EXPORTER_EVENT_DEADLINE) {
			EXPECT_EQ(deadline, event.value);
			wanted = true;
		}
	}
	EXPECT_TRUE(waited);
	EXPECT_TRUE(wanted);
	EXPECT_EQ(deadline, timeline_state(self->tl).deadline_ns);
}

TEST_F(syncobj, exported_again)
{
	struct sync_fence_info fence;
	int fd;

	ASSERT_EQ(0, object_import(self->card, self->object,
				   fence_create(self->tl)));
	fd = object_export(self->card, self->object);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, fence_describe(fd, &fence));
	EXPECT_STREQ("ours", fence.obj_name);
	ASSERT_EQ(1, fence_signal(self->tl, 1, -EIO));
	EXPECT_EQ(-EIO, fence_status(fd));
}

TEST_F(syncobj, close_ends_the_wait)
{
	ASSERT_EQ(0, object_import(self->card, self->object,
				   fence_create(self->tl)));
	EXPECT_EQ(-ETIME, object_wait(self->card, self->object, in_ms(20), 0));
	close(self->tl);
	self->tl = -1;
	EXPECT_EQ(0, object_wait(self->card, self->object, in_ms(LONG_MS), 0));
}

TEST_F(syncobj, timeline)
{
	__u32 line;
	int i;

	ASSERT_EQ(0, object_new(self->card, 0, &line));
	for (i = 1; i <= 3; i++) {
		ASSERT_EQ(0, object_import(self->card, self->object,
					   fence_create(self->tl)));
		ASSERT_EQ(0, point_set(self->card, line, i * 10, self->object));
	}
	EXPECT_EQ(0, point_reached(self->card, line));
	EXPECT_EQ(-ETIME, point_wait(self->card, line, 10, in_ms(20)));
	ASSERT_EQ(1, fence_signal(self->tl, 1, 0));
	EXPECT_EQ(0, point_wait(self->card, line, 10, in_ms(LONG_MS)));
	EXPECT_EQ(10, point_reached(self->card, line));
	EXPECT_EQ(-ETIME, point_wait(self->card, line, 20, in_ms(20)));
	ASSERT_EQ(0, fence_signal_at(self->tl, 3, in_ms(100), 0));
	EXPECT_EQ(0, point_wait(self->card, line, 30, in_ms(LONG_MS)));
	EXPECT_EQ(30, point_reached(self->card, line));
}

TEST_HARNESS_MAIN

// SPDX-License-Identifier: GPL-2.0
/* A display with one plane, driven by DRM's atomic mode setting. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>
#include <drm/drm_fourcc.h>

#include "drm_card.h"
#include "fence.h"
#include "kms.h"

#define MOST	64

/* Finds a property of an object by its name. Returns its id and its value. */
static int property(int card, __u32 object, __u32 type, const char *name,
		    __u64 *value)
{
	__u32 ids[MOST];
	__u64 values[MOST];
	struct drm_mode_obj_get_properties arg = {
		.props_ptr = (unsigned long)ids,
		.prop_values_ptr = (unsigned long)values,
		.count_props = MOST,
		.obj_id = object,
		.obj_type = type,
	};
	int ret = call(card, DRM_IOCTL_MODE_OBJ_GETPROPERTIES, &arg);
	__u32 i;

	if (ret < 0)
		return ret;
	for (i = 0; i < arg.count_props && i < MOST; i++) {
		struct drm_mode_get_property about = { .prop_id = ids[i] };

		if (call(card, DRM_IOCTL_MODE_GETPROPERTY, &about) < 0 ||
		    strcmp(about.name, name))
			continue;
		if (value)
			*value = values[i];
		return ids[i];
	}
	return -ENOENT;
}

/* What an atomic commit changes: properties, grouped by object. */
struct commit {
	__u32 objects[4];
	__u32 counts[4];
	__u32 properties[MOST];
	__u64 values[MOST];
	__u32 object_count;
	__u32 property_count;
	int error;
};

static void set(struct kms *kms, struct commit *commit, __u32 object, __u32 type,
		const char *name, __u64 value)
{
	int id = property(kms->card, object, type, name, NULL);
	__u32 last = commit->object_count - 1;

	if (id < 0) {
		commit->error = id;
		return;
	}
	if (!commit->object_count || commit->objects[last] != object) {
		last = commit->object_count++;
		commit->objects[last] = object;
	}
	commit->counts[last]++;
	commit->properties[commit->property_count] = id;
	commit->values[commit->property_count++] = value;
}

static int apply(struct kms *kms, struct commit *commit, __u32 flags)
{
	struct drm_mode_atomic arg = {
		.flags = flags,
		.count_objs = commit->object_count,
		.objs_ptr = (unsigned long)commit->objects,
		.count_props_ptr = (unsigned long)commit->counts,
		.props_ptr = (unsigned long)commit->properties,
		.prop_values_ptr = (unsigned long)commit->values,
	};

	if (commit->error)
		return commit->error;
	return call(kms->card, DRM_IOCTL_MODE_ATOMIC, &arg);
}

static int find_display(struct kms *kms)
{
	__u32 crtcs[MOST];
	__u32 connectors[MOST];
	struct drm_mode_modeinfo modes[MOST];
	struct drm_mode_card_res resources = {
		.crtc_id_ptr = (unsigned long)crtcs,
		.connector_id_ptr = (unsigned long)connectors,
		.count_crtcs = MOST,
		.count_connectors = MOST,
	};
	struct drm_mode_get_connector connector = {};
	int ret = call(kms->card, DRM_IOCTL_MODE_GETRESOURCES, &resources);

	if (ret < 0)
		return ret;
	if (!resources.count_crtcs || !resources.count_connectors)
		return -ENODEV;
	kms->crtc = crtcs[0];
	kms->connector = connectors[0];
	/* A GETCONNECTOR without room for an answer makes the driver probe for modes. */
	connector.connector_id = kms->connector;
	ret = call(kms->card, DRM_IOCTL_MODE_GETCONNECTOR, &connector);
	if (ret < 0)
		return ret;
	connector = (struct drm_mode_get_connector) {
		.connector_id = kms->connector,
		.modes_ptr = (unsigned long)modes,
		.count_modes = MOST,
	};
	ret = call(kms->card, DRM_IOCTL_MODE_GETCONNECTOR, &connector);
	if (ret < 0)
		return ret;
	if (!connector.count_modes)
		return -ENODEV;
	kms->mode = modes[0];
	return 0;
}

static int find_plane(struct kms *kms)
{
	__u32 planes[MOST];
	struct drm_mode_get_plane_res resources = {
		.plane_id_ptr = (unsigned long)planes,
		.count_planes = MOST,
	};
	int ret = call(kms->card, DRM_IOCTL_MODE_GETPLANERESOURCES, &resources);
	__u32 i;

	if (ret < 0)
		return ret;
	for (i = 0; i < resources.count_planes && i < MOST; i++) {
		__u64 type = 0;

		/* The value 1 means a primary plane. */
		if (property(kms->card, planes[i], DRM_MODE_OBJECT_PLANE, "type",
			     &type) < 0 || type != 1)
			continue;
		kms->plane = planes[i];
		return 0;
	}
	return -ENOENT;
}

static int make_picture(struct kms *kms, __u32 *fb)
{
	struct drm_mode_fb_cmd2 arg = {
		.width = kms->mode.hdisplay,
		.height = kms->mode.vdisplay,
		.pixel_format = DRM_FORMAT_XRGB8888,
	};
	struct dumb dumb;
	int ret = card_dumb(kms->card, arg.width, arg.height, &dumb);

	if (ret < 0)
		return ret;
	arg.handles[0] = dumb.handle;
	arg.pitches[0] = dumb.pitch;
	ret = call(kms->card, DRM_IOCTL_MODE_ADDFB2, &arg);
	*fb = arg.fb_id;
	return ret;
}

int kms_open(struct kms *kms, const char *driver)
{
	static const __u64 wanted[] = {
		DRM_CLIENT_CAP_UNIVERSAL_PLANES, DRM_CLIENT_CAP_ATOMIC,
	};
	unsigned int i;
	int ret;

	memset(kms, 0, sizeof(*kms));
	kms->card = card_open(driver);
	if (kms->card < 0)
		return kms->card;
	for (i = 0; i < 2; i++) {
		struct drm_set_client_cap cap = {
			.capability = wanted[i],
			.value = 1,
		};

		ret = call(kms->card, DRM_IOCTL_SET_CLIENT_CAP, &cap);
		if (ret < 0)
			return ret;
	}
	ret = find_display(kms);
	if (!ret)
		ret = find_plane(kms);
	for (i = 0; i < 2 && !ret; i++)
		ret = make_picture(kms, &kms->fbs[i]);
	return ret;
}

int kms_enable(struct kms *kms)
{
	struct drm_mode_create_blob blob = {
		.data = (unsigned long)&kms->mode,
		.length = sizeof(kms->mode),
	};
	struct commit commit = {};
	__u32 width = kms->mode.hdisplay;
	__u32 height = kms->mode.vdisplay;
	int ret = call(kms->card, DRM_IOCTL_MODE_CREATEPROPBLOB, &blob);

	if (ret < 0)
		return ret;
	set(kms, &commit, kms->connector, DRM_MODE_OBJECT_CONNECTOR, "CRTC_ID",
	    kms->crtc);
	set(kms, &commit, kms->crtc, DRM_MODE_OBJECT_CRTC, "MODE_ID",
	    blob.blob_id);
	set(kms, &commit, kms->crtc, DRM_MODE_OBJECT_CRTC, "ACTIVE", 1);
	set(kms, &commit, kms->plane, DRM_MODE_OBJECT_PLANE, "CRTC_ID", kms->crtc);
	set(kms, &commit, kms->plane, DRM_MODE_OBJECT_PLANE, "FB_ID", kms->fbs[0]);
	set(kms, &commit, kms->plane, DRM_MODE_OBJECT_PLANE, "SRC_X", 0);
	set(kms, &commit, kms->plane, DRM_MODE_OBJECT_PLANE, "SRC_Y", 0);
	set(kms, &commit, kms->plane, DRM_MODE_OBJECT_PLANE, "SRC_W", width << 16);
	set(kms, &commit, kms->plane, DRM_MODE_OBJECT_PLANE, "SRC_H", height << 16);
	set(kms, &commit, kms->plane, DRM_MODE_OBJECT_PLANE, "CRTC_X", 0);
	set(kms, &commit, kms->plane, DRM_MODE_OBJECT_PLANE, "CRTC_Y", 0);
	set(kms, &commit, kms->plane, DRM_MODE_OBJECT_PLANE, "CRTC_W", width);
	set(kms, &commit, kms->plane, DRM_MODE_OBJECT_PLANE, "CRTC_H", height);
	return apply(kms, &commit, DRM_MODE_ATOMIC_ALLOW_MODESET);
}

static void set_picture(struct kms *kms, struct commit *commit, int picture, int in_fence)
{
	set(kms, commit, kms->plane, DRM_MODE_OBJECT_PLANE, "FB_ID",
	    kms->fbs[picture]);
	if (in_fence >= 0)
		set(kms, commit, kms->plane, DRM_MODE_OBJECT_PLANE,
		    "IN_FENCE_FD", in_fence);
}

int kms_flip(struct kms *kms, int picture, int in_fence)
{
	struct commit commit = {};

	set_picture(kms, &commit, picture, in_fence);
	return apply(kms, &commit,
		     DRM_MODE_ATOMIC_NONBLOCK | DRM_MODE_PAGE_FLIP_EVENT);
}

int kms_flip_to(struct kms *kms, int picture, int in_fence, int *out_fence)
{
	struct commit commit = {};

	set_picture(kms, &commit, picture, in_fence);
	set(kms, &commit, kms->crtc, DRM_MODE_OBJECT_CRTC, "OUT_FENCE_PTR",
	    (unsigned long)out_fence);
	return apply(kms, &commit, DRM_MODE_ATOMIC_NONBLOCK);
}

int kms_flipped(struct kms *kms, int ms, __u64 *time_ns)
{
	struct pollfd poll_card = { .fd = kms->card, .events = POLLIN };
	struct drm_event_vblank event;
	int ret = poll(&poll_card, 1, ms);

	if (ret <= 0)
		return ret < 0 ? -errno : 0;
	if (read(kms->card, &event, sizeof(event)) != sizeof(event) ||
	    event.base.type != DRM_EVENT_FLIP_COMPLETE)
		return -EPROTO;
	*time_ns = event.tv_sec * NSEC_PER_SEC + event.tv_usec * 1000ULL;
	return 1;
}

int kms_wait_vblank(struct kms *kms)
{
	union drm_wait_vblank arg = {
		.request = { .type = _DRM_VBLANK_RELATIVE, .sequence = 1 },
	};

	return call(kms->card, DRM_IOCTL_WAIT_VBLANK, &arg);
}

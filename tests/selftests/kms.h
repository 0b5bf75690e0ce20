/* SPDX-License-Identifier: GPL-2.0 */
/* A display with one plane, driven by atomic commits. Functions return -errno on failure. */
#ifndef SELFTEST_KMS_H
#define SELFTEST_KMS_H

#include <linux/types.h>
#include <drm/drm.h>
#include <drm/drm_mode.h>

struct kms {
	int card;
	__u32 crtc;
	__u32 connector;
	__u32 plane;
	__u32 fbs[2];
	struct drm_mode_modeinfo mode;
};

/* Finds a connected display of the driver, and makes two pictures for the display. */
int kms_open(struct kms *kms, const char *driver);
/* Shows the first picture, and waits until the display shows it. */
int kms_enable(struct kms *kms);
/* Shows another picture from the next vblank on, after @in_fence (or -1). */
int kms_flip(struct kms *kms, int picture, int in_fence);
/* Like kms_flip(). *out_fence becomes a sync_file that signals when the picture is shown. */
int kms_flip_to(struct kms *kms, int picture, int in_fence, int *out_fence);
/* Returns whether the flip has happened within @ms. *time_ns becomes the time of the flip. */
int kms_flipped(struct kms *kms, int ms, __u64 *time_ns);
/* Waits for a vblank. */
int kms_wait_vblank(struct kms *kms);

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/* The calls on DRM devices that the tests need, without libdrm. They return -errno on failure. */
#ifndef SELFTEST_DRM_CARD_H
#define SELFTEST_DRM_CARD_H

#include <linux/types.h>

/* Opens the card whose driver has this name. Returns -ENOENT if there is none. */
int card_open(const char *driver);

struct dumb {
	__u32 handle;
	__u32 pitch;
	__u64 size;
};

int card_dumb(int card, __u32 width, __u32 height, struct dumb *dumb);
/* Returns a dma-buf descriptor for the buffer. */
int card_export(int card, __u32 handle);

#endif

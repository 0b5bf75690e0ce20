/* SPDX-License-Identifier: GPL-2.0 */
/* What the tests need of DRM devices, without libdrm. -errno on failure. */
#ifndef SELFTEST_DRM_CARD_H
#define SELFTEST_DRM_CARD_H

#include <linux/types.h>

/* The card whose driver has that name; -ENOENT if there is none. */
int card_open(const char *driver);

struct dumb {
	__u32 handle;
	__u32 pitch;
	__u64 size;
};

int card_dumb(int card, __u32 width, __u32 height, struct dumb *dumb);
/* A dma-buf. */
int card_export(int card, __u32 handle);

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/* Real dma-bufs, to which fences are attached. Each function returns -errno on failure. */
#ifndef SELFTEST_BUFFER_H
#define SELFTEST_BUFFER_H

#include <linux/types.h>

/* Where dma-bufs can come from. */
enum buffer_source {
	BUFFER_HEAP,
	BUFFER_UDMABUF,
};

int buffer_new(enum buffer_source source, __u64 size);
/* Allocates a buffer from the first source that works. *name becomes the name of that source. */
int buffer_any(__u64 size, const char **name);
/* @flags: DMA_BUF_SYNC_READ, DMA_BUF_SYNC_WRITE. */
int buffer_import(int buffer, int fence, __u32 flags);
int buffer_export(int buffer, __u32 flags);
/* Like poll(2): which of @events are ready within @ms. */
int buffer_poll(int buffer, int events, int ms);

#endif

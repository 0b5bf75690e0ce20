/* SPDX-License-Identifier: GPL-2.0 */
/* sw_sync, the kernel's or ours. Each answers -errno where it fails. */
#ifndef SELFTEST_SW_SYNC_H
#define SELFTEST_SW_SYNC_H

#include <linux/types.h>

#define SW_SYNC_DEVICE		"/dev/sw_sync"
#define SW_SYNC_KERNEL		"/sys/kernel/debug/sync/sw_sync"

int sw_sync_open(const char *path);
int sw_sync_create(int tl, __u32 value);
/*
 * Creates fences of the values from @first on: @count, or fewer if a second has passed or the
 * quota is reached. Returns how many.
 */
int sw_sync_create_many(int tl, __u32 first, int *fds, int count);
int sw_sync_inc(int tl, __u32 by);
int sw_sync_deadline(int tl, int fence, __u64 *deadline_ns);
int sw_sync_deadline_raw(int tl, int fence, __u64 *deadline_ns, __u32 pad);

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/* /dev/sw_sync, or the kernel's sw_sync. Each function returns -errno on failure. */
#ifndef SELFTEST_SW_SYNC_H
#define SELFTEST_SW_SYNC_H

#include <linux/types.h>

#define SW_SYNC_DEVICE		"/dev/sw_sync"
#define SW_SYNC_KERNEL		"/sys/kernel/debug/sync/sw_sync"

int sw_sync_open(const char *path);
int sw_sync_create(int tl, __u32 value);
/*
 * Creates fences whose values ascend from @first. Stops after @count fences, after a second, or
 * when the quota is reached. Returns how many it has created.
 */
int sw_sync_create_many(int tl, __u32 first, int *fds, int count);
int sw_sync_inc(int tl, __u32 by);
int sw_sync_deadline(int tl, int fence, __u64 *deadline_ns);
int sw_sync_deadline_raw(int tl, int fence, __u64 *deadline_ns, __u32 pad);

#endif

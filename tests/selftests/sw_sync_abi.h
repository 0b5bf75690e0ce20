/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The interface of sw_sync, for which the kernel exports no header.
 */
#ifndef SELFTEST_SW_SYNC_ABI_H
#define SELFTEST_SW_SYNC_ABI_H

#include <linux/ioctl.h>
#include <linux/types.h>

struct sw_sync_create_fence_data {
	__u32	value;
	char	name[32];
	__s32	fence;
};

struct sw_sync_get_deadline {
	__u64	deadline_ns;
	__u32	pad;
	__s32	fence_fd;
};

#define SW_SYNC_IOC_MAGIC	'W'
#define SW_SYNC_IOC_CREATE_FENCE _IOWR(SW_SYNC_IOC_MAGIC, 0, \
				       struct sw_sync_create_fence_data)
#define SW_SYNC_IOC_INC		_IOW(SW_SYNC_IOC_MAGIC, 1, __u32)
#define SW_SYNC_GET_DEADLINE	_IOWR(SW_SYNC_IOC_MAGIC, 2, \
				      struct sw_sync_get_deadline)

#endif

// SPDX-License-Identifier: GPL-2.0
#include <string.h>

#include "process.h"
#include "sw_sync.h"
#include "sw_sync_abi.h"

int sw_sync_open(const char *path)
{
	if (!strcmp(path, SW_SYNC_KERNEL))
		mount_debugfs();
	return open_device(path);
}

int sw_sync_create(int tl, __u32 value)
{
	struct sw_sync_create_fence_data arg = { .value = value, .name = "point" };
	int ret = call(tl, SW_SYNC_IOC_CREATE_FENCE, &arg);

	return ret < 0 ? ret : arg.fence;
}

int sw_sync_create_many(int tl, __u32 first, int *fds, int count)
{
	__u64 max = module_param("max_pending", 16384) - 64;
	__u64 begin = now_ns();
	int i;

	for (i = 0; i < count && i < max; i++) {
		if (i >= 100 && now_ns() - begin > NSEC_PER_SEC)
			break;
		fds[i] = sw_sync_create(tl, first + i);
		if (fds[i] < 0)
			return fds[i];
	}
	return i;
}

int sw_sync_inc(int tl, __u32 by)
{
	return call(tl, SW_SYNC_IOC_INC, &by);
}

int sw_sync_deadline_raw(int tl, int fence, __u64 *deadline_ns, __u32 pad)
{
	struct sw_sync_get_deadline arg = {
		.deadline_ns = *deadline_ns,
		.pad = pad,
		.fence_fd = fence,
	};
	int ret = call(tl, SW_SYNC_GET_DEADLINE, &arg);

	*deadline_ns = arg.deadline_ns;
	return ret;
}

int sw_sync_deadline(int tl, int fence, __u64 *deadline_ns)
{
	*deadline_ns = 0;
	return sw_sync_deadline_raw(tl, fence, deadline_ns, 0);
}

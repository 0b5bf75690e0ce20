// SPDX-License-Identifier: GPL-2.0
/*
 * The drivers that are compared: the kernel's sw_sync and both nodes of ours.
 */
#include "bench.h"
#include "sw_sync.h"

static int open_kernel(void)
{
	return sw_sync_open(SW_SYNC_KERNEL);
}

static int open_compat(void)
{
	return sw_sync_open(SW_SYNC_DEVICE);
}

static void create_many_sw_sync(int tl, int *fds, __u32 value, int count)
{
	int i;

	for (i = 0; i < count; i++) {
		fds[i] = sw_sync_create(tl, value + i);
		must(fds[i] >= 0, "creating a fence");
	}
}

static void signal_sw_sync(int tl, __u32 from, __u32 value)
{
	must(!sw_sync_inc(tl, value - from), "signalling");
}

static int create_native(int tl, __u32 value)
{
	(void)value;
	return fence_create(tl);
}

static void create_many_native(int tl, int *fds, __u32 value, int count)
{
	int i, n;

	(void)value;
	for (i = 0; i < count; i += n) {
		n = count - i;
		if (n > FENCE_EXPORTER_MAX_FENCES)
			n = FENCE_EXPORTER_MAX_FENCES;
		must(fence_create_many(tl, fds + i, n) > 0, "creating fences");
	}
}

static void signal_native(int tl, __u32 from, __u32 value)
{
	(void)from;
	must(fence_signal(tl, value, 0) >= 0, "signalling");
}

const struct node nodes[] = {
	{
		.name = "sw_sync",
		.open = open_kernel,
		.create = sw_sync_create,
		.create_many = create_many_sw_sync,
		.signal = signal_sw_sync,
		.any_order = true,
	},
	{
		.name = "compat",
		.open = open_compat,
		.create = sw_sync_create,
		.create_many = create_many_sw_sync,
		.signal = signal_sw_sync,
		.any_order = true,
	},
	{
		.name = "native",
		.open = timeline_open,
		.create = create_native,
		.create_many = create_many_native,
		.signal = signal_native,
		.engine = true,
	},
};

const unsigned int n_nodes = ARRAY_SIZE(nodes);

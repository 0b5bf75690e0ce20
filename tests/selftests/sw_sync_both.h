/* SPDX-License-Identifier: GPL-2.0 */
/* A timeline of each of the two nodes: /dev/sw_sync, and the kernel's sw_sync. */
#ifndef SELFTEST_SW_SYNC_BOTH_H
#define SELFTEST_SW_SYNC_BOTH_H

#include "harness.h"
#include "process.h"
#include "sw_sync.h"

FIXTURE(sw_sync)
{
	int tl;
	int fds_before;
};

FIXTURE_VARIANT(sw_sync)
{
	const char *path;
};

FIXTURE_VARIANT_ADD(sw_sync, ours)
{
	.path = SW_SYNC_DEVICE,
};

FIXTURE_VARIANT_ADD(sw_sync, kernel)
{
	.path = SW_SYNC_KERNEL,
};

FIXTURE_SETUP(sw_sync)
{
	self->fds_before = count_fds();
	self->tl = sw_sync_open(variant->path);
	if (self->tl < 0)
		SKIP(return, "%s is not there", variant->path);
}

FIXTURE_TEARDOWN(sw_sync)
{
	close(self->tl);
}

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/* What bindgen reads: the header of the module, and those that go with it. */
#include <linux/sync_file.h>
#include "../../../include/uapi/linux/fence_exporter.h"
#include "../../../rust/uapi/sw_sync.h"

#ifndef SYNC_IOC_SET_DEADLINE
/* The C library's headers are older than Linux 6.5. */
struct sync_set_deadline {
	__u64	deadline_ns;
	__u64	pad;
};

#define SYNC_IOC_SET_DEADLINE _IOW(SYNC_IOC_MAGIC, 5, struct sync_set_deadline)
#endif

/* bindgen evaluates no macro with a sizeof, but constants. */
const __u32 SETUP = FENCE_EXPORTER_IOC_SETUP;
const __u32 CREATE = FENCE_EXPORTER_IOC_CREATE;
const __u32 SIGNAL = FENCE_EXPORTER_IOC_SIGNAL;
const __u32 SIGNAL_AT = FENCE_EXPORTER_IOC_SIGNAL_AT;
const __u32 SUBMIT = FENCE_EXPORTER_IOC_SUBMIT;
const __u32 INFO = FENCE_EXPORTER_IOC_INFO;
const __u32 SW_SYNC_CREATE_FENCE = SW_SYNC_IOC_CREATE_FENCE;
const __u32 SW_SYNC_INC = SW_SYNC_IOC_INC;
const __u32 SYNC_MERGE = SYNC_IOC_MERGE;
const __u32 SYNC_FILE_INFO = SYNC_IOC_FILE_INFO;
const __u32 SYNC_SET_DEADLINE = SYNC_IOC_SET_DEADLINE;

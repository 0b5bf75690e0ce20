/* SPDX-License-Identifier: GPL-2.0 */
/* The input of bindgen: the UAPI header of the module, and the headers of sw_sync and sync_file. */
#include <linux/sync_file.h>
#include "../../../include/uapi/linux/fence_exporter.h"
#include "../../../rust/uapi/sw_sync.h"

#ifndef SYNC_IOC_SET_DEADLINE
/* Kernel headers older than Linux 6.5 lack this ioctl. */
struct sync_set_deadline {
	__u64	deadline_ns;
	__u64	pad;
};

#define SYNC_IOC_SET_DEADLINE _IOW(SYNC_IOC_MAGIC, 5, struct sync_set_deadline)
#endif

/* bindgen cannot evaluate a macro with a sizeof. It does evaluate constants. */
const __u32 SETUP = FENCE_EXPORTER_IOC_SETUP;
const __u32 CREATE = FENCE_EXPORTER_IOC_CREATE;
const __u32 SIGNAL = FENCE_EXPORTER_IOC_SIGNAL;
const __u32 SIGNAL_AT = FENCE_EXPORTER_IOC_SIGNAL_AT;
const __u32 SUBMIT = FENCE_EXPORTER_IOC_SUBMIT;
const __u32 INFO = FENCE_EXPORTER_IOC_INFO;
const __u32 QUERY = FENCE_EXPORTER_IOC_QUERY;
const __u32 EXPORT = FENCE_EXPORTER_IOC_EXPORT;
const __u32 SW_SYNC_CREATE_FENCE = SW_SYNC_IOC_CREATE_FENCE;
const __u32 SW_SYNC_INC = SW_SYNC_IOC_INC;
const __u32 SYNC_MERGE = SYNC_IOC_MERGE;
const __u32 SYNC_FILE_INFO = SYNC_IOC_FILE_INFO;
const __u32 SYNC_SET_DEADLINE = SYNC_IOC_SET_DEADLINE;

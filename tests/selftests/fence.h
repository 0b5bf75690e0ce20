/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Timelines and fences: a function for each call of the interface, and ways to
 * look at what a call has changed. Each answers -errno where it fails.
 */
#ifndef SELFTEST_FENCE_H
#define SELFTEST_FENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>
#include <linux/fence_exporter.h>
#include <linux/sync_file.h>

#include "process.h"

#define FENCE_DEVICE		"/dev/fence_exporter"

/* Longer than anything that the tests wait for takes, in ms. */
#define LONG_MS			(20000 * (int)machine_pace())

/* Timelines: /dev/fence_exporter. */
int timeline_open(void);
int timeline_setup(int tl, const char *name, __u64 timeout_ns, __u32 flags);
int timeline_new(const char *name, __u64 timeout_ns, __u32 flags);
int timeline_info(int tl, struct fence_exporter_info *info);
/* The same for places where it must work: ends the program if it doesn't. */
struct fence_exporter_info timeline_state(int tl);
/* Says on stderr what it is named if not @name. */
bool timeline_is_named(int tl, const char *name);

/* What a refused call must leave as it was. */
struct snapshot {
	struct fence_exporter_info info;
	int fds;
};

struct snapshot snapshot(int tl);
/* Says on stderr what differs. */
bool unchanged(int tl, const struct snapshot *before);
/* Next event within @ms: 1, 0 if there was none. */
int timeline_event(int tl, struct fence_exporter_event *event, int ms);

/* The sequence number of fds[0]. */
__s64 fence_create_many(int tl, int *fds, unsigned int count);
/* The descriptor of one new fence. */
int fence_create(int tl);
/* How many fences were signalled. */
__s64 fence_signal(int tl, __u64 seqno, int status);
int fence_signal_at(int tl, __u64 seqno, __u64 time_ns, int status);
/* The out-fence. */
int fence_submit(int tl, __u64 duration_ns, int in_fence, int status);

/* sync_file descriptors of any driver. */
/* 0: active, 1: signalled, below: signalled with that error. */
int fence_status(int fd);
/* What SYNC_IOC_FILE_INFO says of the only fence behind @fd. */
int fence_describe(int fd, struct sync_fence_info *fence);
int fence_file_info(int fd, struct sync_file_info *info);
/* When it signalled, 0: not yet. */
__u64 fence_time(int fd);
/* Like poll(2) with one descriptor: 1: signalled, 0: not within @ms. */
int fence_wait(int fd, int ms);
int fence_merge(int a, int b);
int fence_set_deadline(int fd, __u64 deadline_ns);

#endif

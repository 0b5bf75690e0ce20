/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Timelines and fences: a function for each call of the interface, and functions that
 * find out what a call has changed. Each returns -errno on failure.
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

/* The event types of the driver, as QUERY answers them in @event_types. */
#define EVENT_TYPES		(FENCE_EXPORTER_EVENT_BIT(FENCE_EXPORTER_EVENT_WAIT) | \
				 FENCE_EXPORTER_EVENT_BIT(FENCE_EXPORTER_EVENT_DEADLINE) | \
				 FENCE_EXPORTER_EVENT_BIT(FENCE_EXPORTER_EVENT_TIMEOUT) | \
				 FENCE_EXPORTER_EVENT_BIT(FENCE_EXPORTER_EVENT_OVERFLOW) | \
				 FENCE_EXPORTER_EVENT_BIT(FENCE_EXPORTER_EVENT_SIGNALED))

/* A limit in ms that is longer than any wait of the tests should take. */
#define LONG_MS			(20000 * (int)machine_pace())

/* Calls on timelines of /dev/fence_exporter. */
int timeline_open(void);
int timeline_setup(int tl, const char *name, __u64 timeout_ns, __u32 flags);
int timeline_new(const char *name, __u64 timeout_ns, __u32 flags);
int timeline_info(int tl, struct fence_exporter_info *info);
int timeline_query(int tl, struct fence_exporter_query *query);
/* Returns what the module allows (QUERY). Ends the program if QUERY fails. */
struct fence_exporter_query module_limits(void);
/* Returns the answer of INFO. Ends the program if INFO fails. */
struct fence_exporter_info timeline_state(int tl);
/* Returns whether the timeline's name is @name. If not, prints the name on stderr. */
bool timeline_is_named(int tl, const char *name);

/* The state that a refused call must not change. */
struct snapshot {
	struct fence_exporter_info info;
	int fds;
};

struct snapshot snapshot(int tl);
/* Returns whether the state is still as in @before. If not, prints the differences on stderr. */
bool unchanged(int tl, const struct snapshot *before);
/* Reads the next event within @ms. Returns 1, or 0 if there was none. */
int timeline_event(int tl, struct fence_exporter_event *event, int ms);

/* Creates @count fences. Returns the sequence number of fds[0]. */
__s64 fence_create_many(int tl, int *fds, unsigned int count);
/* Creates one fence. Returns its descriptor. */
int fence_create(int tl);
/* Returns how many fences the call has signaled. */
__s64 fence_signal(int tl, __u64 seqno, int status);
int fence_signal_at(int tl, __u64 seqno, __u64 time_ns, int status);
/* Returns how many SIGNAL_AT calls were cancelled. */
__s64 fence_cancel_signal_at(int tl, __u64 seqno);
/* Returns the descriptor of the out-fence. @in_fence is -1 if the job waits for no fence. */
int fence_submit(int tl, __u64 duration_ns, int in_fence, int status);
int fence_submit_many(int tl, __u64 duration_ns, const int *in_fences, unsigned int count,
		      int status);
/* Returns another descriptor for the fence. */
int fence_export(int tl, __u64 seqno);

/* The calls below take sync_file descriptors of any driver. */
/* Returns 0 if the fence is pending, 1 if it has signaled, or the error that it signaled with. */
int fence_status(int fd);
/* Reads what SYNC_IOC_FILE_INFO says about the only fence behind @fd. */
int fence_describe(int fd, struct sync_fence_info *fence);
int fence_file_info(int fd, struct sync_file_info *info);
/* Returns when the fence signaled, or 0 if it is pending. */
__u64 fence_time(int fd);
/* Polls one descriptor. Returns 1 if it has signaled, or 0 if it has not within @ms. */
int fence_wait(int fd, int ms);
int fence_merge(int a, int b);
int fence_set_deadline(int fd, __u64 deadline_ns);

#endif

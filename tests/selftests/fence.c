// SPDX-License-Identifier: GPL-2.0
/* Timelines and fences. fence.h says what each function returns. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fence.h"

int timeline_open(void)
{
	return open_device(FENCE_DEVICE);
}

int timeline_setup(int tl, const char *name, __u64 timeout_ns, __u32 flags)
{
	struct fence_exporter_setup setup = {
		.timeout_ns = timeout_ns,
		.flags = flags,
	};

	/* A name that fills the array, or is longer, is passed without a terminator. */
	memcpy(setup.name, name, strnlen(name, sizeof(setup.name)));
	return call(tl, FENCE_EXPORTER_IOC_SETUP, &setup);
}

int timeline_new(const char *name, __u64 timeout_ns, __u32 flags)
{
	int tl = timeline_open();
	int ret;

	if (tl < 0)
		return tl;
	ret = timeline_setup(tl, name, timeout_ns, flags);
	if (ret < 0) {
		close(tl);
		return ret;
	}
	return tl;
}

int timeline_info(int tl, struct fence_exporter_info *info)
{
	memset(info, 0, sizeof(*info));
	return call(tl, FENCE_EXPORTER_IOC_INFO, info);
}

int timeline_query(int tl, struct fence_exporter_query *query)
{
	memset(query, 0, sizeof(*query));
	return call(tl, FENCE_EXPORTER_IOC_QUERY, query);
}

struct fence_exporter_query module_limits(void)
{
	struct fence_exporter_query query;
	int tl = timeline_open();
	int ret = tl < 0 ? tl : timeline_query(tl, &query);

	if (ret < 0) {
		fprintf(stderr, "# QUERY failed: %s\n", strerror(-ret));
		abort();
	}
	close(tl);
	return query;
}

struct fence_exporter_info timeline_state(int tl)
{
	struct fence_exporter_info info;
	int ret = timeline_info(tl, &info);

	if (ret < 0) {
		fprintf(stderr, "# INFO failed: %s\n", strerror(-ret));
		abort();
	}
	return info;
}

bool timeline_is_named(int tl, const char *name)
{
	struct fence_exporter_info info = timeline_state(tl);

	if (!strncmp(info.name, name, sizeof(info.name)))
		return true;
	fprintf(stderr, "# named \"%.32s\", not \"%s\"\n", info.name, name);
	return false;
}

struct snapshot snapshot(int tl)
{
	struct snapshot now = {
		.info = timeline_state(tl),
		.fds = count_fds(),
	};

	return now;
}

bool unchanged(int tl, const struct snapshot *before)
{
	struct snapshot now = snapshot(tl);

	if (now.fds == before->fds &&
	    !memcmp(&now.info, &before->info, sizeof(now.info)))
		return true;
	fprintf(stderr,
		"# descriptors %d -> %d, last %llu -> %llu, pending %llu -> %llu, signaled %llu -> %llu\n",
		before->fds, now.fds, before->info.last_seqno,
		now.info.last_seqno, before->info.pending, now.info.pending,
		before->info.signaled, now.info.signaled);
	return false;
}

int timeline_event(int tl, struct fence_exporter_event *event, int ms)
{
	struct pollfd poll_tl = { .fd = tl, .events = POLLIN };
	ssize_t ret = poll(&poll_tl, 1, ms);

	if (ret <= 0)
		return ret < 0 ? -errno : 0;
	ret = read(tl, event, sizeof(*event));
	if (ret < 0)
		return -errno;
	return ret == sizeof(*event) ? 1 : -EPROTO;
}

__s64 fence_create_many(int tl, int *fds, unsigned int count)
{
	struct fence_exporter_create create = {
		.fds = (unsigned long)fds,
		.count = count,
	};
	int ret = call(tl, FENCE_EXPORTER_IOC_CREATE, &create);

	return ret < 0 ? ret : (__s64)create.first_seqno;
}

int fence_create(int tl)
{
	int fd = -1;
	__s64 ret = fence_create_many(tl, &fd, 1);

	return ret < 0 ? ret : fd;
}

__s64 fence_signal(int tl, __u64 seqno, int status)
{
	struct fence_exporter_signal arg = { .seqno = seqno, .status = status };
	int ret = call(tl, FENCE_EXPORTER_IOC_SIGNAL, &arg);

	return ret < 0 ? ret : (__s64)arg.signaled;
}

int fence_signal_at(int tl, __u64 seqno, __u64 time_ns, int status)
{
	struct fence_exporter_signal_at arg = {
		.seqno = seqno,
		.time_ns = time_ns,
		.status = status,
	};

	return call(tl, FENCE_EXPORTER_IOC_SIGNAL_AT, &arg);
}

__s64 fence_cancel_signal_at(int tl, __u64 seqno)
{
	struct fence_exporter_signal_at arg = {
		.seqno = seqno,
		.flags = FENCE_EXPORTER_SIGNAL_AT_CANCEL,
	};
	int ret = call(tl, FENCE_EXPORTER_IOC_SIGNAL_AT, &arg);

	return ret < 0 ? ret : (__s64)arg.cancelled;
}

int fence_submit(int tl, __u64 duration_ns, int in_fence, int status)
{
	return fence_submit_many(tl, duration_ns, &in_fence, in_fence != -1, status);
}

int fence_submit_many(int tl, __u64 duration_ns, const int *in_fences, unsigned int count,
		      int status)
{
	struct fence_exporter_submit arg = {
		.duration_ns = duration_ns,
		.in_fences = (unsigned long)in_fences,
		.in_count = count,
		.status = status,
		.out_fence = -1,
	};
	int ret = call(tl, FENCE_EXPORTER_IOC_SUBMIT, &arg);

	return ret < 0 ? ret : arg.out_fence;
}

int fence_export(int tl, __u64 seqno)
{
	struct fence_exporter_export arg = { .seqno = seqno, .fd = -1 };
	int ret = call(tl, FENCE_EXPORTER_IOC_EXPORT, &arg);

	return ret < 0 ? ret : arg.fd;
}

int fence_file_info(int fd, struct sync_file_info *info)
{
	memset(info, 0, sizeof(*info));
	return call(fd, SYNC_IOC_FILE_INFO, info);
}

int fence_status(int fd)
{
	struct sync_file_info info;
	int ret = fence_file_info(fd, &info);

	/* The core allows statuses down to -4095. So no fence can have this status. */
	return ret < 0 ? -100000 + ret : info.status;
}

int fence_describe(int fd, struct sync_fence_info *fence)
{
	struct sync_file_info info = {
		.num_fences = 1,
		.sync_fence_info = (unsigned long)fence,
	};

	memset(fence, 0, sizeof(*fence));
	return call(fd, SYNC_IOC_FILE_INFO, &info);
}

__u64 fence_time(int fd)
{
	struct sync_fence_info fence;

	return fence_describe(fd, &fence) < 0 ? 0 : fence.timestamp_ns;
}

int fence_wait(int fd, int ms)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	int ret;

	/* poll(2) ignores a negative descriptor, and would wait for the whole time. */
	if (fd < 0)
		return -EBADF;
	ret = poll(&poll_fd, 1, ms);
	if (ret < 0)
		return -errno;
	return ret && poll_fd.revents != POLLIN ? -EPROTO : ret;
}

int fence_merge(int a, int b)
{
	struct sync_merge_data merge = { .name = "merged", .fd2 = b };
	int ret = call(a, SYNC_IOC_MERGE, &merge);

	return ret < 0 ? ret : merge.fence;
}

int fence_set_deadline(int fd, __u64 deadline_ns)
{
	struct sync_set_deadline arg = { .deadline_ns = deadline_ns };

	return call(fd, SYNC_IOC_SET_DEADLINE, &arg);
}

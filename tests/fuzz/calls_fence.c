// SPDX-License-Identifier: GPL-2.0
/* Calls on sync_files, dma-bufs and /dev/sw_sync, and calls that wait. */
#include <poll.h>
#include <unistd.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <linux/dma-buf.h>

#include "calls.h"
#include "kms.h"
#include "sw_sync.h"
#include "sw_sync_abi.h"

/* The place in a thread's memory to which SYNC_IOC_FILE_INFO writes fences. */
#define FENCES_AT	8192

int do_describe(struct thread *thread, const struct step *step)
{
	static const __u32 counts[] = { 1, 0, 2, 64 };
	struct sync_file_info info = {
		.num_fences = counts[step->value % 4],
		.sync_fence_info = (unsigned long)thread->memory + FENCES_AT,
	};
	int ret = call_with(thread, step, slot_of(thread, step, FENCE, step->a),
			    SYNC_IOC_FILE_INFO, &info);

	if (ret == 0 && !(step->how & (HOW_POINTER | HOW_SIZE)) &&
	    (info.status > 1 || info.status < -4095))
		complain(thread, "SYNC_IOC_FILE_INFO: status", info.status);
	return ret;
}

int do_merge(struct thread *thread, const struct step *step)
{
	struct sync_merge_data merge = {
		.name = "fuzz",
		.fd2 = slot_of(thread, step, FENCE, step->b),
		.fence = -1,
	};
	int ret = call_with(thread, step, slot_of(thread, step, FENCE, step->a),
			    SYNC_IOC_MERGE, &merge);

	if (ret == 0 && merge.fence >= 0)
		slot_put(thread, FENCE, step->value, merge.fence);
	return ret;
}

int do_deadline(struct thread *thread, const struct step *step)
{
	/* The ends of the range of @deadline_ns, and of the kernel's times (s64). */
	static const __u64 ends[] = { 0, 1, ~0ULL >> 1, 1ULL << 63, ~0ULL };
	bool at_end = step->how >> 5 == 6;
	struct sync_set_deadline deadline = {
		.deadline_ns = at_end ? ends[step->value % 5] : time_of(step->b, step->value),
	};
	unsigned int left = times_of(step, 7);
	int ret;

	do {
		ret = call_with(thread, step, slot_of(thread, step, FENCE, step->a),
				SYNC_IOC_SET_DEADLINE, &deadline);
		thread->calls += --left > 0;
	} while (left && !ret);
	return ret;
}

int do_poll(struct thread *thread, const struct step *step)
{
	struct pollfd fds[] = {
		{ .fd = slot_of(thread, step, step->value % KINDS, step->a),
		  .events = POLLIN | POLLOUT },
		{ .fd = slot_of(thread, step, FENCE, step->b), .events = POLLIN },
	};
	int ret = poll(fds, 1 + (step->how >> 7), step->value / 4 % 3);

	return ret < 0 ? -errno : ret;
}

int do_epoll(struct thread *thread, const struct step *step)
{
	struct epoll_event event = { .events = step->how & 1 << 7 ? EPOLLIN : EPOLLIN | EPOLLET };
	int fd = slot_of(thread, step, step->value % KINDS, step->a);
	int epoll = thread->worker->epoll;
	int ret;

	/* A descriptor that is closed leaves the epoll even without EPOLL_CTL_DEL. */
	if (step->b % 4 == 3)
		ret = epoll_wait(epoll, &event, 1, step->value / 4 % 3);
	else
		ret = epoll_ctl(epoll, step->b % 4 + 1, fd, &event);
	return ret < 0 ? -errno : ret;
}

int do_import(struct thread *thread, const struct step *step)
{
	struct dma_buf_import_sync_file import = {
		.flags = 1 + step->value % 3,
		.fd = slot_of(thread, step, FENCE, step->a),
	};

	return call(thread->worker->buffer, DMA_BUF_IOCTL_IMPORT_SYNC_FILE, &import);
}

int do_export(struct thread *thread, const struct step *step)
{
	struct dma_buf_export_sync_file export = {
		.flags = 1 + step->value % 3,
		.fd = -1,
	};
	int ret = call(thread->worker->buffer, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &export);

	if (ret == 0 && export.fd >= 0)
		slot_put(thread, FENCE, step->b, export.fd);
	return ret;
}

int set_tracing(bool on)
{
	return write_file("/sys/kernel/tracing/events/dma_fence/enable", on ? "1" : "0");
}

/*
 * Turns on tracepoints, which ask fences for their names, under the locks that their callers hold.
 * The end of the program turns them off again, because they make all calls slow.
 */
int do_trace(struct thread *thread, const struct step *step)
{
	(void)step;
	/*
	 * The injected fault must not hit this call: a failure in the tracing code is not of
	 * interest.
	 */
	thread_disarm(thread);
	atomic_store(&thread->worker->shared->traced, true);
	return set_tracing(true);
}

int do_poll_buffer(struct thread *thread, const struct step *step)
{
	struct pollfd fd = { .fd = thread->worker->buffer, .events = POLLIN | POLLOUT };
	int ret = poll(&fd, 1, step->value % 3);

	return ret < 0 ? -errno : ret;
}

int do_open_compat(struct thread *thread, const struct step *step)
{
	int tl = sw_sync_open(SW_SYNC_DEVICE);

	if (tl >= 0)
		slot_put(thread, COMPAT, step->b, tl);
	return tl;
}

int do_compat_create(struct thread *thread, const struct step *step)
{
	struct sw_sync_create_fence_data create = { .value = step->value, .fence = -1 };
	unsigned int left = times_of(step, 7);
	bool many = left > 1;
	int ret;

	do {
		ret = call_with(thread, step, slot_of(thread, step, COMPAT, step->a),
				SW_SYNC_IOC_CREATE_FENCE, &create);
		/* A fence whose descriptor is open is not pruned. So many fences stay open. */
		if (ret == 0 && create.fence >= 0 && many)
			hoard(thread, create.fence);
		else if (ret == 0 && create.fence >= 0)
			slot_put(thread, FENCE, step->b, create.fence);
		create.value += 1 + (step->value & 1);
		thread->calls += --left > 0;
	} while (left && !ret);
	return ret;
}

int do_compat_inc(struct thread *thread, const struct step *step)
{
	__u32 by = step->value;

	return call_with(thread, step, slot_of(thread, step, COMPAT, step->a),
			 SW_SYNC_IOC_INC, &by);
}

int do_compat_deadline(struct thread *thread, const struct step *step)
{
	struct sw_sync_get_deadline get = {
		.deadline_ns = step->value == 1,
		.pad = step->value == 2,
		.fence_fd = slot_of(thread, step, FENCE, step->b),
	};

	return call_with(thread, step, slot_of(thread, step, COMPAT, step->a),
			 SW_SYNC_GET_DEADLINE, &get);
}

/*
 * Shows a picture after a fence, or at once. The out-fence belongs to the display's driver, and
 * signals at the vblank. The vblank's time may lie in the future when the fence signals.
 */
int do_flip(struct thread *thread, const struct step *step)
{
	int in_fence = step->value & 4 ? slot_of(thread, step, FENCE, step->a) : -1;
	int out_fence = -1;
	int ret;

	/*
	 * The injected fault must not hit this call: a failure in the display's driver is not of
	 * interest.
	 */
	thread_disarm(thread);
	ret = kms_flip_to(thread->worker->kms, step->value % 2, in_fence, &out_fence);
	if (ret == 0 && out_fence >= 0)
		slot_put(thread, FENCE, step->b, out_fence);
	return ret;
}

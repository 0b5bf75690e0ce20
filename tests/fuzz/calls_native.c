// SPDX-License-Identifier: GPL-2.0
/* The calls of /dev/fence_exporter. */
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "calls.h"

/* The place in a thread's memory that holds the array of descriptors. */
#define ARRAY_AT	8192

#define INFO_FLAGS	(FENCE_EXPORTER_INFO_EVENTS | FENCE_EXPORTER_INFO_ENGINE | \
			 FENCE_EXPORTER_INFO_DEADLINE)

/*
 * Becomes the user to whom the next timeline is accounted. Does nothing if a fault is armed,
 * because a failed allocation here would not be of interest.
 */
static void become(struct thread *thread, uid_t user)
{
	if (!thread->armed)
		/* The function of the C library would change the user of all threads. */
		syscall(SYS_setresuid, -1, user, -1);
}

int do_open(struct thread *thread, const struct step *step)
{
	unsigned int way = step->how >> 5;
	char name[16] = {};
	int tl;

	/* A timeline is named after its thread. So this gives it a name of any length. */
	memcpy(name, thread->name, step->value % sizeof(name));
	if (way == 7)
		prctl(PR_SET_NAME, name);
	if (way == 6)
		become(thread, step->value % 4);
	tl = timeline_open();
	if (way == 6)
		become(thread, 0);
	if (way == 7)
		prctl(PR_SET_NAME, thread->name);
	if (tl >= 0)
		slot_put(thread, TIMELINE, step->b, tl);
	return tl;
}

int do_setup(struct thread *thread, const struct step *step)
{
	static const char *const names[] = {
		"fuzz", "", "!", "a\tb", "\x80", "31 characters, and not one more",
		"32 characters: it has no end now", "~",
	};
	static const __u64 timeouts[] = {
		0, 1, NSEC_PER_MSEC, 20 * NSEC_PER_MSEC, 5 * NSEC_PER_SEC, ~0ULL, 1ULL << 63,
	};
	struct fence_exporter_setup setup = {
		.timeout_ns = timeouts[step->b % 7],
		.flags = step->how >> 5 == 7 ? 1U << 31 : step->how >> 5 & 3,
		.event_mask = step->value >> 24 & 3 ? 0 : step->value >> 8 & 0x7f,
	};
	const char *name = names[step->value % 8];
	size_t length = strnlen(name, sizeof(setup.name));

	/* Half of the time, gives a valid name of any length. */
	if (step->value % 16 >= 8) {
		name = names[5];
		length = 1 + step->value / 16 % strlen(name);
	}
	memcpy(setup.name, name, length);
	return call_with(thread, step, slot_of(thread, step, TIMELINE, step->a),
			 FENCE_EXPORTER_IOC_SETUP, &setup);
}

static void take_fences(struct thread *thread, const struct step *step, const char *array,
			unsigned int count)
{
	unsigned int i;
	int fd;

	for (i = 0; i < count; i++) {
		memcpy(&fd, array + i * sizeof(fd), sizeof(fd));
		if (thread->armed)
			thread_disarm(thread);
		if (fcntl(fd, F_GETFD) != FD_CLOEXEC)
			complain(thread, "CREATE: not a close-on-exec descriptor", fd);
		slot_put(thread, FENCE, step->b + i, fd);
	}
}

int do_create(struct thread *thread, const struct step *step)
{
	static const __u32 counts[] = { 1, 2, 3, 8, 64, 65, 0, ~0U };
	struct fence_exporter_create create = {
		.count = counts[step->value % 16 < 8 ? step->value % 8 : step->value % 3],
		.flags = step->how >> 5 == 7,
	};
	bool bad = step->how >> 5 == 6;
	char *array = thread->memory + ARRAY_AT;
	int ret;

	create.fds = (unsigned long)(bad ? thread->read_only + ARRAY_AT : array);
	ret = call_with(thread, step, slot_of(thread, step, TIMELINE, step->a),
			FENCE_EXPORTER_IOC_CREATE, &create);
	if (ret == 0 && bad)
		complain(thread, "CREATE: has written to memory that is read-only", 0);
	if (ret == 0 && create.count <= FENCE_EXPORTER_MAX_FENCES)
		take_fences(thread, step, array, create.count);
	return ret;
}

int do_signal(struct thread *thread, const struct step *step)
{
	int tl = slot_of(thread, step, TIMELINE, step->a);
	struct fence_exporter_signal signal = {
		.seqno = (__s64)(__s32)step->value,
		.status = status_of(step),
		.flags = step->b == 7,
	};
	__u64 seqno = signal.seqno;
	int ret = call_with(thread, step, tl, FENCE_EXPORTER_IOC_SIGNAL, &signal);
	struct fence_exporter_info info;

	thread_disarm(thread);
	/* The other thread may have put another timeline into the slot meanwhile. */
	if (ret || step->how & (HOW_SIZE | HOW_ANY_KIND) ||
	    tl != slot_of(thread, step, TIMELINE, step->a) || timeline_info(tl, &info))
		return ret;
	if (seqno <= info.last_seqno && info.signaled_seqno < seqno &&
	    tl == slot_of(thread, step, TIMELINE, step->a))
		complain(thread, "SIGNAL: has left fences pending up to", info.signaled_seqno);
	return ret;
}

int do_signal_at(struct thread *thread, const struct step *step)
{
	struct fence_exporter_signal_at at = {
		.seqno = (__s64)(__s32)step->value,
		.time_ns = time_of(step->b, step->value),
		.status = status_of(step),
		.flags = step->b == 7 ? 1U << (step->value >> 30) :
			 step->b == 6 ? FENCE_EXPORTER_SIGNAL_AT_CANCEL : 0,
	};
	unsigned int left = times_of(step, 5);
	int ret;

	if (at.flags == FENCE_EXPORTER_SIGNAL_AT_CANCEL && step->value % 4) {
		at.time_ns = 0;
		at.status = 0;
		left = 1;
	}
	/* If the step makes many calls, all have the same time, which lies in the future. */
	if (left > 1)
		at.time_ns = now_ns() + 30 * NSEC_PER_MSEC;
	do {
		ret = call_with(thread, step, slot_of(thread, step, TIMELINE, step->a),
				FENCE_EXPORTER_IOC_SIGNAL_AT, &at);
		thread->calls += --left > 0;
	} while (left && !ret);
	return ret;
}

int do_submit(struct thread *thread, const struct step *step)
{
	static const __u32 counts[] = { 1, 1, 1, 2, 5, 16, 17, ~0U };
	__s32 in_fences[FENCE_EXPORTER_MAX_IN_FENCES + 1];
	bool waits = step->value & 4;
	struct fence_exporter_submit submit = {
		.duration_ns = step->value & 8 ? ~0ULL : step->value % 4 * (NSEC_PER_MSEC / 4),
		.in_fences = (unsigned long)(step->how >> 5 == 6 ? NULL : in_fences),
		.in_count = waits ? counts[step->value >> 4 & 7] : 0,
		.status = status_of(step),
		.flags = step->value >> 31,
		.out_fence = -1,
	};
	unsigned int left = times_of(step, 5);
	/*
	 * If the step submits many jobs, all wait for one fence. So that fence must stay in its
	 * slot.
	 */
	unsigned int out = step->b + (left > 1);
	unsigned int i;
	int ret;

	for (i = 0; i < FENCE_EXPORTER_MAX_IN_FENCES + 1; i++)
		in_fences[i] = slot_of(thread, step, FENCE, step->b + i);
	do {
		ret = call_with(thread, step, slot_of(thread, step, TIMELINE, step->a),
				FENCE_EXPORTER_IOC_SUBMIT, &submit);
		/*
		 * If the caller's structure has no room for the answer, out_fence is still -1. The
		 * driver has installed a descriptor anyway.
		 */
		if (ret == 0 && submit.out_fence >= 0)
			slot_put(thread, FENCE, out, submit.out_fence);
		thread->calls += --left > 0;
	} while (left && !ret);
	return ret;
}

static void check_info(struct thread *thread, const struct fence_exporter_info *info)
{
	if (info->signaled_seqno > info->last_seqno)
		complain(thread, "INFO: signaled_seqno", info->signaled_seqno);
	if (strnlen(info->name, sizeof(info->name)) % sizeof(info->name) == 0)
		complain(thread, "INFO: a name without a beginning or an end", 0);
	if (info->event_mask & ~EVENT_TYPES || info->flags & ~INFO_FLAGS)
		complain(thread, "INFO: flags", info->flags);
	if (info->flags & FENCE_EXPORTER_INFO_DEADLINE ? info->deadline_ns >= ~0ULL >> 1 :
	    info->deadline_ns)
		complain(thread, "INFO: deadline_ns", info->deadline_ns);
	if (info->pending > thread->worker->shared->max_pending + FENCE_EXPORTER_MAX_FENCES)
		complain(thread, "INFO: pending", info->pending);
	if (info->failed < info->timed_out + info->cancelled ||
	    info->failed > info->signaled + info->timed_out + info->cancelled)
		complain(thread, "INFO: failed", info->failed);
	if (info->failed_seqno < info->failed || info->failed_seqno > info->signaled_seqno ||
	    !info->failed_seqno != !info->failed)
		complain(thread, "INFO: failed_seqno", info->failed_seqno);
	if (info->failed_status < -4095 || info->failed_status > 0 ||
	    !info->failed_status != !info->failed || info->reserved)
		complain(thread, "INFO: failed_status", info->failed_status);
}

int do_info(struct thread *thread, const struct step *step)
{
	struct fence_exporter_info info = {};
	int ret = call_with(thread, step, slot_of(thread, step, TIMELINE, step->a),
			    FENCE_EXPORTER_IOC_INFO, &info);

	thread_disarm(thread);
	if (ret == 0 && !(step->how & (HOW_SIZE | HOW_POINTER)))
		check_info(thread, &info);
	return ret;
}

int do_query(struct thread *thread, const struct step *step)
{
	struct fence_exporter_query query = {};
	int ret = call_with(thread, step, slot_of(thread, step, TIMELINE, step->a),
			    FENCE_EXPORTER_IOC_QUERY, &query);

	thread_disarm(thread);
	if (ret == 0 && !(step->how & (HOW_SIZE | HOW_POINTER)) &&
	    (query.max_pending > thread->worker->shared->max_pending ||
	     query.event_types != EVENT_TYPES))
		complain(thread, "QUERY: max_pending", query.max_pending);
	return ret;
}

int do_export_fence(struct thread *thread, const struct step *step)
{
	int tl = slot_of(thread, step, TIMELINE, step->a);
	struct fence_exporter_export export = {
		.seqno = (__s64)(__s32)step->value % 256,
		.flags = step->b == 7,
		.fd = -1,
	};
	int ret = call_with(thread, step, tl, FENCE_EXPORTER_IOC_EXPORT, &export);

	/*
	 * If the caller's structure has no room for the answer, fd is still -1. The driver has
	 * installed a descriptor anyway.
	 */
	if (ret == 0 && export.fd >= 0)
		slot_put(thread, FENCE, step->b, export.fd);
	return ret;
}

int do_read(struct thread *thread, const struct step *step)
{
	static const size_t sizes[] = { 32, 64, 31, 0, 4096, 33, 8192, 1 };
	size_t size = sizes[step->value % 8];
	int tl = slot_of(thread, step, TIMELINE, step->a);
	struct fence_exporter_event none = {};
	void *to = thread_pointer(thread, &none, sizeof(none), step->how);
	/* The second part may have an address where nothing is mapped. */
	struct iovec parts[] = { { to, size / 2 }, { step->b & 2 ? NULL : to, size - size / 2 } };
	ssize_t ret;

	if (thread->armed)
		fcntl(tl, F_SETFL, O_NONBLOCK);
	thread_interrupt(thread, true);
	ret = step->b & 1 ? readv(tl, parts, 2) : read(tl, to, size);
	ret = ret < 0 ? -errno : ret;
	thread_interrupt(thread, false);
	/* Only a timeline can be read. A read of a fence or of sw_sync always fails. */
	if (ret > 0 && ret % sizeof(none))
		complain(thread, "read: part of an event", ret);
	return ret;
}

int do_fdinfo(struct thread *thread, const struct step *step)
{
	char path[64];
	ssize_t ret;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d",
		 slot_of(thread, step, step->b % KINDS, step->a));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ret = read(fd, thread->memory, MEMORY);
	ret = ret < 0 ? -errno : ret;
	close(fd);
	return ret;
}

/*
 * Calls an ioctl number in the range of the driver or of sw_sync, with any size and direction, and
 * arbitrary contents of the structure.
 */
int do_any_ioctl(struct thread *thread, const struct step *step)
{
	unsigned int magic = step->value & 1 << 20 ? 'W' : FENCE_EXPORTER_IOC_MAGIC;
	unsigned long request = _IOC(step->b & 3, magic, step->value % 8,
				     step->value >> 8 & _IOC_SIZEMASK);
	/*
	 * If the driver takes this word for an address, it must not point into memory of the
	 * program.
	 */
	__u64 any = step->value % 4 ? step->value : 0x1000 + step->value % 0x1000;
	struct { __u64 words[4]; } arg = { { any & ~0x3fc00000ULL, step->b, step->how, ~0ULL } };

	/*
	 * If the call creates a descriptor, it is closed at the end of the program like all others.
	 */
	return call(slot_of(thread, step, step->a % KINDS, step->a), request,
		    thread_pointer(thread, &arg, sizeof(arg), step->how));
}

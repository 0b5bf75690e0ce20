/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/**
 * DOC: fence_exporter
 *
 * Each open of /dev/fence_exporter makes a timeline, which is a dma-fence
 * context of its own and belongs to the open file. The ioctls create fences of
 * the timeline as sync_file descriptors, and signal them. When the last
 * descriptor of the file is closed, pending fences complete with -ECANCELED.
 *
 * - Structures have the same layout for 32- and 64-bit callers.
 * - Reserved fields must be zero. An unknown flag fails with EINVAL.
 * - Times are those of CLOCK_MONOTONIC. Times and durations are in nanoseconds.
 * - Sequence numbers begin with 1.
 * - A status is 0, or a negative errno from -4095 to -1.
 * - A field that is marked "out" is written by the driver if the call succeeds.
 *
 * Structures may grow at their end. The driver recognizes a call by the type
 * and the number in its ioctl number. The size in the ioctl number is that of
 * the structure that the caller was compiled with. If the caller's structure is
 * shorter than the driver's, the missing fields read as zero. If it is longer,
 * the additional bytes must be zero; otherwise the call fails with E2BIG.
 *
 * Any call fails with EFAULT if the driver cannot access the caller's memory.
 * A call that reads its structure may fail with E2BIG. Each structure lists all
 * other errors of its call. A call that fails has changed nothing.
 *
 * An unknown ioctl fails with ENOTTY. open(2) fails with EMFILE if the user has
 * @max_timelines of QUERY timelines open, with ENOMEM, and with ENODEV if the
 * module is being loaded or removed.
 */
#ifndef _UAPI_LINUX_FENCE_EXPORTER_H
#define _UAPI_LINUX_FENCE_EXPORTER_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* Size of a timeline's name in bytes, including the terminating NUL. */
#define FENCE_EXPORTER_NAME_LEN		32

/* Most fences that one FENCE_EXPORTER_IOC_CREATE creates. */
#define FENCE_EXPORTER_MAX_FENCES	64

/* Most fences that one FENCE_EXPORTER_IOC_SUBMIT waits for. */
#define FENCE_EXPORTER_MAX_IN_FENCES	16

/*
 * Bits of struct fence_exporter_query @features:
 *
 * The module provides /dev/sw_sync, too, and @sw_sync_timeout_ns is valid.
 */
#define FENCE_EXPORTER_FEATURE_SW_SYNC	(1ULL << 0)
/* INFO returns @failed, @failed_seqno and @failed_status. */
#define FENCE_EXPORTER_FEATURE_FAILED	(1ULL << 1)

/**
 * struct fence_exporter_query - argument of FENCE_EXPORTER_IOC_QUERY
 * @features:	FENCE_EXPORTER_FEATURE_*. If a later version appends an output field to
 *		this or to any other structure, a new feature tells that the driver
 *		writes the field. Without the feature, the field reads as zero.
 * @default_timeout_ns: timeout of fences, unless SETUP sets another
 * @max_timeout_ns: longest timeout that SETUP accepts
 * @sw_sync_timeout_ns: timeout of the fences of /dev/sw_sync; 0 without that node
 * @max_pending: most pending fences of a timeline; also its most queued jobs, and
 *		its most SIGNAL_AT calls that wait for their time
 * @max_timelines: most open timelines of one user
 * @max_fences:	most fences that one CREATE creates
 * @max_in_fences: most in-fences of one SUBMIT
 * @max_events:	most events that a timeline queues
 * @event_types: types of events that the driver has, each as
 *		FENCE_EXPORTER_EVENT_BIT()
 *
 * Returns the features and the limits of the module. They are the same for every
 * timeline as long as the module is loaded. The driver writes all fields, and
 * reads none.
 */
struct fence_exporter_query {
	__u64	features;
	__u64	default_timeout_ns;
	__u64	max_timeout_ns;
	__u64	sw_sync_timeout_ns;
	__u32	max_pending;
	__u32	max_timelines;
	__u32	max_fences;
	__u32	max_in_fences;
	__u32	max_events;
	__u32	event_types;
};

/*
 * Bits of struct fence_exporter_setup @flags:
 *
 * The timeline queues events, which read(2) returns and poll(2) reports.
 */
#define FENCE_EXPORTER_SETUP_EVENTS	(1U << 0)
/* The timeline is a simulated engine: driven by SUBMIT, not by SIGNAL. */
#define FENCE_EXPORTER_SETUP_ENGINE	(1U << 1)

/**
 * struct fence_exporter_setup - argument of FENCE_EXPORTER_IOC_SETUP
 * @name:	printable ASCII with a terminating NUL. If it is empty, the timeline
 *		keeps the name that it has.
 * @timeout_ns:	time from the creation of a fence until it completes with
 *		-ETIMEDOUT; 0: @default_timeout_ns of QUERY
 * @flags:	FENCE_EXPORTER_SETUP_*
 * @event_mask:	types of the events to queue, each as FENCE_EXPORTER_EVENT_BIT();
 *		0: all types, including those of later versions. OVERFLOW is always
 *		queued. Must be 0 without FENCE_EXPORTER_SETUP_EVENTS.
 *
 * Configures the timeline, once, before its first fence.
 *
 * - EINVAL: @name has a byte that is not printable, or no NUL; @flags has an
 *   unknown flag; @event_mask has an unknown type, or must be 0; or @timeout_ns is
 *   above @max_timeout_ns of QUERY.
 * - EBUSY: the timeline was set up already, or has had a fence.
 * - ENOMEM.
 * - EINTR: a signal arrived while another thread was creating fences.
 * - EAGAIN: another thread is creating fences, and the file is O_NONBLOCK.
 */
struct fence_exporter_setup {
	char	name[FENCE_EXPORTER_NAME_LEN];
	__u64	timeout_ns;
	__u32	flags;
	__u32	event_mask;
};

/**
 * struct fence_exporter_create - argument of FENCE_EXPORTER_IOC_CREATE
 * @fds:	pointer to __s32[@count]. The driver writes close-on-exec descriptors
 *		to this array, in the order of the sequence numbers.
 * @count:	how many fences to create: 1 to FENCE_EXPORTER_MAX_FENCES
 * @flags:	must be zero
 * @first_seqno: out: sequence number of the first fence
 *
 * Creates fences with the next sequence numbers, each as a sync_file descriptor:
 * all of them or none. After a failure, the values in the array are undefined.
 *
 * - EINVAL: @count is out of range, or @flags is not zero.
 * - EBUSY: the timeline is driven by SUBMIT.
 * - EMFILE: no descriptors left.
 * - ENOMEM: also if the system has no open file left.
 * - ENOSPC: more than @max_pending of QUERY fences would be pending.
 * - EINTR: a signal arrived while another thread was creating fences.
 * - EAGAIN: another thread is creating fences, and the file is O_NONBLOCK.
 */
struct fence_exporter_create {
	__u64	fds;
	__u32	count;
	__u32	flags;
	__u64	first_seqno;
};

/**
 * struct fence_exporter_signal - argument of FENCE_EXPORTER_IOC_SIGNAL
 * @seqno:	sequence number of the last fence to signal
 * @status:	0, or the negative errno that the fences complete with
 * @flags:	must be zero
 * @signaled:	out: how many fences this call has signaled
 *
 * Signals all fences up to and including @seqno, in order. Fences that have
 * signaled already keep their status. If all of them have, the call succeeds, and
 * @signaled is 0.
 *
 * - EINVAL: @seqno is above the last one created, @status is not a status, or
 *   @flags is not zero.
 * - EBUSY: the timeline is driven by SUBMIT.
 */
struct fence_exporter_signal {
	__u64	seqno;
	__s32	status;
	__u32	flags;
	__u64	signaled;
};

/*
 * Bits of struct fence_exporter_signal_at @flags:
 *
 * Cancel the earlier calls with the same @seqno, instead of adding a call.
 */
#define FENCE_EXPORTER_SIGNAL_AT_CANCEL	(1U << 0)

/**
 * struct fence_exporter_signal_at - argument of FENCE_EXPORTER_IOC_SIGNAL_AT
 * @seqno:	sequence number of the last fence to signal
 * @time_ns:	when to signal, by CLOCK_MONOTONIC. A time in the past means now.
 *		Must be 0 with FENCE_EXPORTER_SIGNAL_AT_CANCEL.
 * @status:	0, or the negative errno that the fences complete with. Must be 0 with
 *		FENCE_EXPORTER_SIGNAL_AT_CANCEL.
 * @flags:	FENCE_EXPORTER_SIGNAL_AT_*
 * @cancelled:	out: with FENCE_EXPORTER_SIGNAL_AT_CANCEL, how many calls were
 *		cancelled; not written without that flag
 *
 * Signals all fences up to and including @seqno at @time_ns. The call returns at
 * once. A fence whose timeout ends before @time_ns times out.
 *
 * - EINVAL: @seqno is above the last one created, @status is not a status, @flags
 *   has an unknown flag, @time_ns is above S64_MAX, or a field is not 0 that must
 *   be 0.
 * - EBUSY: the timeline is driven by SUBMIT.
 * - ENOMEM.
 * - ENOSPC: @max_pending of QUERY calls of this kind are waiting for their time.
 */
struct fence_exporter_signal_at {
	__u64	seqno;
	__u64	time_ns;
	__s32	status;
	__u32	flags;
	__u64	cancelled;
};

/**
 * struct fence_exporter_submit - argument of FENCE_EXPORTER_IOC_SUBMIT
 * @duration_ns: how long the job runs. It starts when all its in-fences have
 *		signaled and the job before it has ended.
 * @in_fences:	pointer to __s32[@in_count]: sync_file descriptors of the in-fences,
 *		of any driver. Ignored if @in_count is 0.
 * @in_count:	how many in-fences there are: 0 to FENCE_EXPORTER_MAX_IN_FENCES
 * @status:	0, or the negative errno that the job ends with
 * @flags:	must be zero
 * @out_fence:	out: close-on-exec descriptor of the fence that the job signals
 * @seqno:	out: sequence number of that fence
 *
 * Queues a job on the simulated engine of a timeline that was set up with
 * FENCE_EXPORTER_SETUP_ENGINE. If in-fences fail, the job ends with the error of
 * the first of them, in the order of @in_fences, instead of @status.
 *
 * The timeout of the fence runs from the start of the job. While an in-fence has
 * not signaled, the timeout runs from the submission. In any case the fence
 * completes within @max_timeout_ns of QUERY after the submission.
 *
 * - EINVAL: @in_count is out of range, @status is not a status, or @flags is not
 *   zero.
 * - EBUSY: the timeline is driven by SIGNAL.
 * - EBADF: a descriptor in @in_fences is not that of a sync_file.
 * - EMFILE: no descriptors left.
 * - ENOMEM: also if the system has no open file left.
 * - ENOSPC: @max_pending of QUERY jobs are queued.
 * - EINTR: a signal arrived while another thread was submitting a job.
 * - EAGAIN: another thread is submitting a job, and the file is O_NONBLOCK.
 */
struct fence_exporter_submit {
	__u64	duration_ns;
	__u64	in_fences;
	__u32	in_count;
	__s32	status;
	__u32	flags;
	__s32	out_fence;
	__u64	seqno;
};

/*
 * Bits of struct fence_exporter_info @flags:
 *
 * The two flags of SETUP, with the values that they have there.
 */
#define FENCE_EXPORTER_INFO_EVENTS	(1U << 0)
#define FENCE_EXPORTER_INFO_ENGINE	(1U << 1)
/*
 * Flags that SETUP does not have, from the highest bit downwards.
 *
 * A pending fence has a deadline: @deadline_ns is valid.
 */
#define FENCE_EXPORTER_INFO_DEADLINE	(1U << 31)

/**
 * struct fence_exporter_info - argument of FENCE_EXPORTER_IOC_INFO
 * @name:	as SETUP has set it, or "<comm>-<pid>" of the process that opened the
 *		node; zeros after the terminating NUL
 * @context:	number of the dma-fence context
 * @last_seqno:	last sequence number that was created; 0: none
 * @signaled_seqno: highest sequence number that has signaled. All lower ones have
 *		signaled, too.
 * @pending:	how many fences have not signaled
 * @signaled:	how many fences SIGNAL, SIGNAL_AT or SUBMIT has completed
 * @timed_out:	how many fences have completed because a timeout ended
 * @cancelled:	how many fences have completed because a job that they needed was
 *		cancelled
 * @deadline_ns: earliest deadline of a pending fence, by CLOCK_MONOTONIC. It may be
 *		0, and is 0 without FENCE_EXPORTER_INFO_DEADLINE.
 * @timeout_ns:	timeout of each fence
 * @flags:	FENCE_EXPORTER_INFO_*
 * @event_mask:	types of the events that are queued, each as
 *		FENCE_EXPORTER_EVENT_BIT()
 * @failed:	how many fences have completed with an error, for whatever reason:
 *		those that @signaled, @timed_out and @cancelled count, without those
 *		that have status 0
 * @failed_seqno: highest sequence number that has completed with an error; 0: none
 * @failed_status: status of the fence @failed_seqno, a negative errno; 0: none
 * @reserved:	zero
 *
 * Returns the settings and the counts of the timeline. The counts, @failed_seqno
 * and @failed_status are one consistent snapshot. A fence is counted right before
 * it signals: a fence that was seen signaled before the call is counted, and a
 * fence that is counted may be seen pending for a moment.
 *
 * The driver writes all fields, and reads none.
 */
struct fence_exporter_info {
	char	name[FENCE_EXPORTER_NAME_LEN];
	__u64	context;
	__u64	last_seqno;
	__u64	signaled_seqno;
	__u64	pending;
	__u64	signaled;
	__u64	timed_out;
	__u64	cancelled;
	__u64	deadline_ns;
	__u64	timeout_ns;
	__u32	flags;
	__u32	event_mask;
	__u64	failed;
	__u64	failed_seqno;
	__s32	failed_status;
	__u32	reserved;
};

/**
 * struct fence_exporter_export - argument of FENCE_EXPORTER_IOC_EXPORT
 * @seqno:	sequence number of the fence
 * @flags:	must be zero
 * @fd:		out: close-on-exec descriptor of the fence
 *
 * Makes another descriptor for a fence that is pending.
 *
 * - EINVAL: @seqno is 0 or above the last one created, or @flags is not zero.
 * - ENOENT: the fence is not pending any more.
 * - EMFILE: no descriptors left.
 * - ENOMEM: also if the system has no open file left.
 */
struct fence_exporter_export {
	__u64	seqno;
	__u32	flags;
	__s32	fd;
};

/*
 * Values of struct fence_exporter_event @type, with @seqno and @value of each:
 *
 * A wait for the fence @seqno began; once for each fence. @value is 0.
 */
#define FENCE_EXPORTER_EVENT_WAIT	1
/*
 * A deadline was set on the fence @seqno; each time. @value is the deadline, in
 * nanoseconds of CLOCK_MONOTONIC.
 */
#define FENCE_EXPORTER_EVENT_DEADLINE	2
/*
 * A timeout ended: pending fences up to @seqno have completed with -ETIMEDOUT.
 * @value is 0.
 */
#define FENCE_EXPORTER_EVENT_TIMEOUT	3
/* The queue was full, and @value events were lost at this place. @seqno is 0. */
#define FENCE_EXPORTER_EVENT_OVERFLOW	4
/*
 * A SIGNAL_AT or a job has signaled fences up to @seqno. @value is the status, as
 * an __s64.
 */
#define FENCE_EXPORTER_EVENT_SIGNALED	5

/* The bit of an event type in @event_mask and @event_types. */
#define FENCE_EXPORTER_EVENT_BIT(type)	(1U << (type))

/**
 * struct fence_exporter_event - an event, as read(2) returns it
 * @type:	FENCE_EXPORTER_EVENT_*. Skip types that you don't know.
 * @length:	size of this event in bytes. The next event follows after @length
 *		bytes. Skip bytes after the fields that you know.
 * @time_ns:	when the event happened, by CLOCK_MONOTONIC
 * @seqno:	sequence number of the fence that the event is about
 * @value:	depends on @type
 *
 * read(2) returns as many whole events as are queued and fit into the buffer.
 *
 * - EINVAL: the timeline was set up without FENCE_EXPORTER_SETUP_EVENTS, or the
 *   buffer is smaller than an event.
 * - EAGAIN: the read would have to wait, and the file is O_NONBLOCK.
 * - EINTR: a signal arrived during the wait.
 */
struct fence_exporter_event {
	__u32	type;
	__u32	length;
	__u64	time_ns;
	__u64	seqno;
	__u64	value;
};

#define FENCE_EXPORTER_IOC_MAGIC	0xB9

#define FENCE_EXPORTER_IOC_SETUP	_IOWR(FENCE_EXPORTER_IOC_MAGIC, 0, \
					      struct fence_exporter_setup)
#define FENCE_EXPORTER_IOC_CREATE	_IOWR(FENCE_EXPORTER_IOC_MAGIC, 1, \
					      struct fence_exporter_create)
#define FENCE_EXPORTER_IOC_SIGNAL	_IOWR(FENCE_EXPORTER_IOC_MAGIC, 2, \
					      struct fence_exporter_signal)
#define FENCE_EXPORTER_IOC_SIGNAL_AT	_IOWR(FENCE_EXPORTER_IOC_MAGIC, 3, \
					      struct fence_exporter_signal_at)
#define FENCE_EXPORTER_IOC_SUBMIT	_IOWR(FENCE_EXPORTER_IOC_MAGIC, 4, \
					      struct fence_exporter_submit)
#define FENCE_EXPORTER_IOC_INFO		_IOWR(FENCE_EXPORTER_IOC_MAGIC, 5, \
					      struct fence_exporter_info)
#define FENCE_EXPORTER_IOC_QUERY	_IOWR(FENCE_EXPORTER_IOC_MAGIC, 6, \
					      struct fence_exporter_query)
#define FENCE_EXPORTER_IOC_EXPORT	_IOWR(FENCE_EXPORTER_IOC_MAGIC, 7, \
					      struct fence_exporter_export)

#endif /* _UAPI_LINUX_FENCE_EXPORTER_H */

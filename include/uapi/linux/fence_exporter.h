/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * fence_exporter: timelines whose points are exported as sync_file descriptors.
 *
 * Every open of /dev/fence_exporter is a new timeline, a dma-fence context of
 * its own. All structures have one layout for 32- and 64-bit callers. Reserved
 * and padding fields must be zero, unknown flags are refused (EINVAL).
 *
 * Structures may grow at their end. The size in the ioctl number is the one the
 * caller was compiled with: a tail that the caller lacks reads as zero; a tail
 * that the kernel lacks must be zero, else the call fails with E2BIG.
 *
 * Times are CLOCK_MONOTONIC in nanoseconds. Sequence numbers begin with 1.
 */
#ifndef _UAPI_LINUX_FENCE_EXPORTER_H
#define _UAPI_LINUX_FENCE_EXPORTER_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* Bytes of a timeline's name with its terminating NUL. */
#define FENCE_EXPORTER_NAME_LEN		32

/* Most fences that one FENCE_EXPORTER_IOC_CREATE makes. */
#define FENCE_EXPORTER_MAX_FENCES	64

/* Somebody will read(2) or poll(2) the timeline: queue events. */
#define FENCE_EXPORTER_SETUP_EVENTS	(1U << 0)
/* The timeline is driven by SUBMIT (a simulated engine), not by SIGNAL. */
#define FENCE_EXPORTER_SETUP_ENGINE	(1U << 1)

/**
 * struct fence_exporter_setup - configure a timeline, once, before its first fence
 * @name:	printable ASCII, NUL-terminated, neither empty nor "unbound"
 * @timeout_ns:	after which a fence completes with -ETIMEDOUT; 0: the default
 * @flags:	FENCE_EXPORTER_SETUP_*
 * @pad:	must be zero
 *
 * EINVAL: a bad name, flag or padding, or a timeout above the limit that the
 * module parameter max_timeout_ms sets. EBUSY: the timeline was set up already,
 * or has had a fence.
 */
struct fence_exporter_setup {
	char	name[FENCE_EXPORTER_NAME_LEN];
	__u64	timeout_ns;
	__u32	flags;
	__u32	pad;
};

/**
 * struct fence_exporter_create - create fences with the next sequence numbers
 * @fds:	pointer to __s32[@count], filled with close-on-exec descriptors
 * @count:	1 to FENCE_EXPORTER_MAX_FENCES
 * @flags:	must be zero
 * @first_seqno: out: sequence number of fds[0]; the others follow it
 *
 * All of them or none. EAGAIN: too many fences of the timeline are pending.
 * EBUSY: the timeline is driven by SUBMIT. EMFILE: no descriptors left.
 */
struct fence_exporter_create {
	__u64	fds;
	__u32	count;
	__u32	flags;
	__u64	first_seqno;
};

/**
 * struct fence_exporter_signal - signal everything up to a sequence number
 * @seqno:	the last fence to signal
 * @status:	0, or the negative errno that the fences complete with
 * @flags:	must be zero
 * @signalled:	out: how many fences this call signalled
 *
 * EINVAL: @seqno is above the last one created, or @status is no errno. A
 * @seqno that has been signalled already is no error: @signalled is then 0.
 */
struct fence_exporter_signal {
	__u64	seqno;
	__s32	status;
	__u32	flags;
	__u64	signalled;
};

/**
 * struct fence_exporter_signal_at - signal everything up to a sequence number later
 * @seqno:	the last fence to signal
 * @time_ns:	when; a time in the past means now
 * @status:	0, or the negative errno that the fences complete with
 * @flags:	must be zero
 *
 * A fence whose timeout ends before @time_ns times out all the same. EINVAL as
 * for SIGNAL, and for a time beyond S64_MAX. EAGAIN: too many calls of this kind
 * are waiting for their time.
 */
struct fence_exporter_signal_at {
	__u64	seqno;
	__u64	time_ns;
	__s32	status;
	__u32	flags;
};

/**
 * struct fence_exporter_submit - queue a job on a simulated engine
 * @duration_ns: how long the job runs, from the moment when its in-fence has
 *		signalled and the job before it has finished
 * @in_fence:	a sync_file descriptor to wait for, or -1
 * @status:	0, or the negative errno that the job ends with
 * @flags:	must be zero
 * @out_fence:	out: close-on-exec descriptor of the fence that the job signals
 * @seqno:	out: the sequence number of that fence
 *
 * An error of the in-fence goes on to the out-fence and takes the place of
 * @status. The timeout runs from the start of the job, or from its submission
 * while the in-fence has not signalled. No job ends later than the module
 * parameter max_timeout_ms says after its submission. EBUSY: the timeline is driven by SIGNAL.
 * EBADF: @in_fence is no sync_file. EAGAIN: too many jobs are queued.
 */
struct fence_exporter_submit {
	__u64	duration_ns;
	__s32	in_fence;
	__s32	status;
	__u32	flags;
	__s32	out_fence;
	__u64	seqno;
};

/* What @flags of struct fence_exporter_info tells: the flags of SETUP, ... */
#define FENCE_EXPORTER_INFO_EVENTS	(1U << 0)
#define FENCE_EXPORTER_INFO_ENGINE	(1U << 1)
/* ... and, from the highest bit downwards, flags of INFO: @deadline_ns is valid. */
#define FENCE_EXPORTER_INFO_DEADLINE	(1U << 31)

/**
 * struct fence_exporter_info - what a timeline is and has done; all fields are out
 * @name:	as set, or "<comm>-<pid>" of whoever opened it
 * @context:	number of the dma-fence context
 * @last_seqno:	the last one created, 0: none
 * @signalled_seqno: everything up to it has signalled
 * @pending:	fences that have not signalled
 * @signalled:	fences that completed by SIGNAL, SIGNAL_AT or SUBMIT
 * @timed_out:	fences that completed because a timeout ended
 * @cancelled:	fences that completed because a job they needed was cancelled
 * @deadline_ns: earliest deadline that waiters set on a pending fence, which may be 0;
 *		if @flags has no FENCE_EXPORTER_INFO_DEADLINE, there is none and this is 0
 * @timeout_ns:	of each fence
 * @flags:	FENCE_EXPORTER_INFO_*
 * @pad:	zero
 */
struct fence_exporter_info {
	char	name[FENCE_EXPORTER_NAME_LEN];
	__u64	context;
	__u64	last_seqno;
	__u64	signalled_seqno;
	__u64	pending;
	__u64	signalled;
	__u64	timed_out;
	__u64	cancelled;
	__u64	deadline_ns;
	__u64	timeout_ns;
	__u32	flags;
	__u32	pad;
};

/* Somebody began to wait for @seqno. */
#define FENCE_EXPORTER_EVENT_WAIT	1
/* Somebody wants @seqno by @value (CLOCK_MONOTONIC, ns). */
#define FENCE_EXPORTER_EVENT_DEADLINE	2
/* @seqno completed with -ETIMEDOUT, and everything before it. */
#define FENCE_EXPORTER_EVENT_TIMEOUT	3
/* The queue was full: @value events were lost before the next one. */
#define FENCE_EXPORTER_EVENT_OVERFLOW	4

/**
 * struct fence_exporter_event - what read(2) answers, as many as fit the buffer
 * @type:	FENCE_EXPORTER_EVENT_*
 * @pad:	zero
 * @time_ns:	when it happened
 * @seqno:	of the fence it is about
 * @value:	see the types
 */
struct fence_exporter_event {
	__u32	type;
	__u32	pad;
	__u64	time_ns;
	__u64	seqno;
	__u64	value;
};

#define FENCE_EXPORTER_IOC_MAGIC	0xB9

#define FENCE_EXPORTER_IOC_SETUP	_IOW(FENCE_EXPORTER_IOC_MAGIC, 0, \
					     struct fence_exporter_setup)
#define FENCE_EXPORTER_IOC_CREATE	_IOWR(FENCE_EXPORTER_IOC_MAGIC, 1, \
					      struct fence_exporter_create)
#define FENCE_EXPORTER_IOC_SIGNAL	_IOWR(FENCE_EXPORTER_IOC_MAGIC, 2, \
					      struct fence_exporter_signal)
#define FENCE_EXPORTER_IOC_SIGNAL_AT	_IOW(FENCE_EXPORTER_IOC_MAGIC, 3, \
					     struct fence_exporter_signal_at)
#define FENCE_EXPORTER_IOC_SUBMIT	_IOWR(FENCE_EXPORTER_IOC_MAGIC, 4, \
					      struct fence_exporter_submit)
#define FENCE_EXPORTER_IOC_INFO		_IOR(FENCE_EXPORTER_IOC_MAGIC, 5, \
					     struct fence_exporter_info)

#endif /* _UAPI_LINUX_FENCE_EXPORTER_H */

// SPDX-License-Identifier: GPL-2.0
/* A thread that runs steps, with memory for arguments, a timer that interrupts it, and faults. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <linux/securebits.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "fuzz.h"

enum pointer { GOOD, NONE, KERNEL, HALF, READ_ONLY, ODD };

int thread_map(struct thread *thread)
{
	long page = sysconf(_SC_PAGESIZE);
	char *hole;

	/* The page behind the memory remains inaccessible. */
	hole = mmap(NULL, MEMORY + page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	thread->memory = mmap(hole, MEMORY, PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	if (hole == MAP_FAILED || thread->memory == MAP_FAILED)
		return -ENOMEM;
	/* If the old size is 0, mremap() makes a second mapping of shared memory. */
	thread->read_only = mremap(thread->memory, 0, MEMORY, MREMAP_MAYMOVE);
	return thread->read_only == MAP_FAILED ||
		mprotect(thread->read_only, MEMORY, PROT_READ) ? -ENOMEM : 0;
}

int thread_init(struct thread *thread, struct worker *worker)
{
	struct sigevent event = {
		.sigev_notify = SIGEV_THREAD_ID,
		.sigev_signo = SIGUSR1,
	};
	int ret;

	/* With this bit, the thread keeps root's capabilities when it changes its user. */
	if (prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP))
		return -errno;
	event._sigev_un._tid = gettid();
	thread->worker = worker;
	thread->calls = 0;
	thread->armed = 0;
	ret = uring_open(&thread->ring, 0);
	if (ret)
		return ret;
	/* Fails if the kernel has no fault injection. */
	thread->fail_nth = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	if (timer_create(CLOCK_MONOTONIC, &event, &thread->timer))
		return -errno;
	return thread_map(thread);
}

void thread_arm(struct thread *thread, unsigned int nth)
{
	char text[16];

	if (thread->fail_nth < 0)
		return;
	snprintf(text, sizeof(text), "%u", nth);
	/* The write that disarms the fault may itself meet the fault. So it is repeated. */
	while (pwrite(thread->fail_nth, text, strlen(text), 0) < 0)
		;
	thread->armed = nth;
}

void thread_disarm(struct thread *thread)
{
	char text[16] = {};

	if (!thread->armed)
		return;
	if (pread(thread->fail_nth, text, sizeof(text) - 1, 0) > 0 && !atoi(text))
		atomic_fetch_add(&thread->worker->shared->faults, 1);
	thread_arm(thread, 0);
}

void thread_interrupt(struct thread *thread, bool on)
{
	/*
	 * Sends the signal repeatedly, because the first one may come before the call. A fault in
	 * the delivery of the signal would end the process. So if a fault is armed, the first
	 * signal comes only after 5 s. It is rarely needed then: do_read() has made the file
	 * non-blocking, so that a read only waits if the other thread has made the file blocking
	 * again.
	 */
	struct itimerspec time = {
		.it_value.tv_sec = on && thread->armed ? 5 : 0,
		.it_value.tv_nsec = on && !thread->armed ? 300000 : 0,
		.it_interval.tv_nsec = on ? 2000000 : 0,
	};

	timer_settime(thread->timer, 0, &time, NULL);
}

void *thread_pointer(struct thread *thread, const void *data, size_t size, __u8 how)
{
	char *end = thread->memory + MEMORY;

	switch (how & HOW_POINTER) {
	case NONE:
		return NULL;
	case KERNEL:
		return (void *)(uintptr_t)0xffff888000000000ULL;
	case HALF:
		memcpy(end - size / 2, data, size / 2);
		return end - size / 2;
	case READ_ONLY:
		memcpy(thread->memory, data, size);
		return thread->read_only;
	case ODD:
		memcpy(thread->memory + 1, data, size);
		return thread->memory + 1;
	default:
		memcpy(thread->memory, data, size);
		return thread->memory;
	}
}

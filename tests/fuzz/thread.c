// SPDX-License-Identifier: GPL-2.0
/* A thread that runs steps: memory to point to, a timer to be interrupted by, faults. */
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

static int map_memory(struct thread *thread)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	long page = sysconf(_SC_PAGESIZE);
	char *hole;

	if (fd < 0 || ftruncate(fd, MEMORY))
		return -errno;
	/* The page behind it stays without access. */
	hole = mmap(NULL, MEMORY + page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	thread->memory = mmap(hole, MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0);
	thread->read_only = mmap(NULL, MEMORY, PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	return thread->memory == MAP_FAILED || thread->read_only == MAP_FAILED ? -ENOMEM : 0;
}

int thread_init(struct thread *thread, struct worker *worker)
{
	struct sigevent event = {
		.sigev_notify = SIGEV_THREAD_ID,
		.sigev_signo = SIGUSR1,
	};
	int ret;

	/* It may become another user, and keep what root may do. */
	if (prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP))
		return -errno;
	event._sigev_un._tid = gettid();
	thread->worker = worker;
	thread->calls = 0;
	thread->armed = 0;
	ret = uring_open(&thread->ring, 0);
	if (ret)
		return ret;
	/* Without fault injection in the kernel there is none. */
	thread->fail_nth = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	if (timer_create(CLOCK_MONOTONIC, &event, &thread->timer))
		return -errno;
	return map_memory(thread);
}

void thread_arm(struct thread *thread, unsigned int nth)
{
	char text[16];

	if (thread->fail_nth < 0)
		return;
	snprintf(text, sizeof(text), "%u", nth);
	/* Taking it back may be what fails. */
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
	 * Again and again: the first one may come before the call. A fault while the
	 * signal is delivered would end the process. With a fault armed, reads don't
	 * wait, unless the other thread lets them; so that has to be rare.
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

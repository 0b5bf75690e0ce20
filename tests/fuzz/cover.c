// SPDX-License-Identifier: GPL-2.0
/*
 * Coverage by KCOV. Only the module is instrumented, so each address is in its text: see
 * Documentation/dev-tools/kcov.rst. On a kernel without KCOV there is no coverage.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <linux/kcov.h>

#include "fuzz.h"

#define ENTRIES		(64 << 10)
#define KCOV		"/sys/kernel/debug/kcov"
#define TEXT		"/sys/module/fence_exporter/sections/.text"

static unsigned long text;

int cover_init(void)
{
	FILE *file = fopen(TEXT, "re");
	int ret;

	if (!file)
		return -errno;
	ret = fscanf(file, "%lx", &text) == 1 ? 0 : -EINVAL;
	fclose(file);
	return ret;
}

int cover_open(struct thread *thread)
{
	thread->trace = NULL;
	thread->kcov = open(KCOV, O_RDWR | O_CLOEXEC);
	if (thread->kcov < 0)
		return errno == ENOENT ? 0 : -errno;
	if (ioctl(thread->kcov, KCOV_INIT_TRACE, ENTRIES))
		return -errno;
	thread->trace = mmap(NULL, ENTRIES * sizeof(*thread->trace),
			     PROT_READ | PROT_WRITE, MAP_SHARED, thread->kcov, 0);
	if (thread->trace == MAP_FAILED)
		return -errno;
	return ioctl(thread->kcov, KCOV_ENABLE, KCOV_TRACE_PC) ? -errno : 0;
}

void cover_start(struct thread *thread)
{
	if (thread->trace)
		__atomic_store_n(&thread->trace[0], 0, __ATOMIC_RELAXED);
}

unsigned int cover_take(struct thread *thread)
{
	struct shared *shared = thread->worker->shared;
	unsigned int fresh = 0;
	unsigned long count;
	unsigned long i;

	if (!thread->trace)
		return 0;
	count = __atomic_load_n(&thread->trace[0], __ATOMIC_RELAXED);
	for (i = 1; i <= count && i < ENTRIES; i++) {
		unsigned long at = thread->trace[i] - text;

		if (at < MOST_TEXT && !atomic_load(&shared->covered[at]) &&
		    !atomic_exchange(&shared->covered[at], 1))
			fresh++;
	}
	atomic_fetch_add(&shared->points, fresh);
	return fresh;
}

// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include "busy.h"
#include "fence.h"
#include "process.h"

#define WAITERS		20000
/*
 * busy_prepare() stops after this time. A slow machine makes fewer waiters until then, but needs as
 * long to wake them.
 */
#define PREPARE_MS	1000

int busy_prepare(struct busy *busy)
{
	__u64 begin = now_ns();

	if (allow_fds(WAITERS + 4096) < 0)
		return -EMFILE;
	busy->waiters = calloc(WAITERS, sizeof(*busy->waiters));
	busy->count = 0;
	busy->tl = timeline_open();
	busy->fence = fence_create(busy->tl);
	if (!busy->waiters || busy->fence < 0)
		return -ENOMEM;
	while (busy->count < WAITERS && now_ns() - begin < PREPARE_MS * NSEC_PER_MSEC) {
		struct pollfd waits = { .events = POLLIN };

		/* Another sync_file of the same fence, which becomes a waiter when it is polled. */
		waits.fd = fence_merge(busy->fence, busy->fence);
		if (waits.fd < 0)
			return waits.fd;
		busy->waiters[busy->count++] = waits.fd;
		if (poll(&waits, 1, 0))
			return -EINVAL;
	}
	return 0;
}

void busy_from(struct busy *busy, __u64 time)
{
	/* With PREEMPT_RT, the thread "ktimers" calls timers. Its priority is only 1. */
	struct sched_param param = { .sched_priority = 2 };

	while (now_ns() < time)
		;
	sched_setscheduler(0, SCHED_FIFO, &param);
	fence_signal(busy->tl, 1, 0);
}

void busy_end(struct busy *busy)
{
	int i;

	for (i = 0; i < busy->count; i++)
		close(busy->waiters[i]);
	close(busy->fence);
	close(busy->tl);
	free(busy->waiters);
}

// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

#include "lateness.h"
#include "process.h"

#define MOST_CPUS	64
#define PERIOD_NS	(5 * NSEC_PER_MSEC)
/* An event may be this much later than the watching threads were. */
#define SLACK_NS	(100 * NSEC_PER_MSEC)

/* How late the thread of one processor has woken up. */
struct sleeper {
	int cpu;
	atomic_ullong woken;
	atomic_ullong worst;
};

static struct sleeper sleepers[MOST_CPUS];
static int count;

static void *sleep_and_look(void *arg)
{
	struct sched_param param = { .sched_priority = 1 };
	struct sleeper *sleeper = arg;
	__u64 next = now_ns();

	run_on(sleeper->cpu);
	/* Fails for ordinary users. Then the threads may also be late because others run first. */
	sched_setscheduler(0, SCHED_FIFO, &param);
	for (;;) {
		struct timespec until;
		__u64 now;

		next += PERIOD_NS;
		until.tv_sec = next / NSEC_PER_SEC;
		until.tv_nsec = next % NSEC_PER_SEC;
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
		now = now_ns();
		if (now - next > sleeper->worst)
			sleeper->worst = now - next;
		sleeper->woken = now;
		next = now;
	}
	return NULL;
}

int lateness_watch(void)
{
	cpu_set_t cpus;
	int cpu;

	if (sched_getaffinity(0, sizeof(cpus), &cpus))
		return -errno;
	for (cpu = 0; cpu < MOST_CPUS; cpu++) {
		pthread_t thread;
		int ret;

		if (!CPU_ISSET(cpu, &cpus))
			continue;
		sleepers[count].cpu = cpu;
		ret = pthread_create(&thread, NULL, sleep_and_look, &sleepers[count]);
		if (ret)
			return -ret;
		count++;
	}
	return 0;
}

/* Returns the worst lateness so far. Waits for each thread that should have woken up by now. */
static __u64 machine_lateness(void)
{
	__u64 now = now_ns();
	__u64 worst = 0;
	int i;

	for (i = 0; i < count; i++) {
		while (sleepers[i].woken < now)
			sleep_ms(1);
		if (sleepers[i].worst > worst)
			worst = sleepers[i].worst;
	}
	return worst;
}

bool in_time(__u64 at, __u64 from, __u64 until)
{
	__u64 excused = machine_lateness();

	if (at < from)
		fprintf(stderr, "# %llu us too early\n", (from - at) / 1000);
	else if (at > until + SLACK_NS + excused)
		fprintf(stderr, "# %llu us late, when sleeping threads were late by %llu us\n",
			(at - until) / 1000, excused / 1000);
	else
		return true;
	return false;
}

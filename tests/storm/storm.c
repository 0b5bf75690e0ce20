// SPDX-License-Identifier: GPL-2.0
/*
 * Readers of fences against writers: names are read, and deadlines set, while the
 * timelines of the fences are opened, filled, signalled and closed.
 *
 *   storm [CLOSES [READS]]
 *
 * What is wrong here is told by the debug kernel's checkers, so that is where it
 * is meant to run (tools/storm), with all events of dma_fence traced. The program
 * itself sees to it that no reader gets a name that no timeline ever had.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fence.h"

#define READERS		2
#define WRITERS		2
#define SLOTS		16
#define FENCES		3

/* Descriptors that readers look at; a slot is -1, or was closed a moment ago. */
static atomic_int slots[WRITERS][SLOTS];
static atomic_ulong reads, odd_names, closes;
static unsigned long wanted_reads, wanted_closes;

static int trace_all_events(void)
{
	int fd = open("/sys/kernel/tracing/events/dma_fence/enable", O_WRONLY);
	int ret = -1;

	if (fd >= 0) {
		ret = write(fd, "1", 1) == 1 ? 0 : -1;
		close(fd);
	}
	return ret;
}

static void *read_names(void *arg)
{
	unsigned int seed = (unsigned int)(unsigned long)arg;

	while (atomic_load(&closes) < wanted_closes ||
	       atomic_load(&reads) < wanted_reads) {
		int fd = slots[rand_r(&seed) % WRITERS][rand_r(&seed) % SLOTS];
		struct sync_fence_info fence;

		if (fd < 0 || fence_describe(fd, &fence) < 0)
			continue;
		if (strncmp(fence.obj_name, "storm-", 6) &&
		    strcmp(fence.obj_name, "signaled-timeline"))
			atomic_fetch_add(&odd_names, 1);
		fence_set_deadline(fd, now_ns());
		atomic_fetch_add(&reads, 1);
	}
	return NULL;
}

/* One life of a timeline: opened, filled, signalled in part, closed. */
static int live(atomic_int *slot, unsigned int round)
{
	int tl = timeline_open();
	int fds[FENCES];
	int i;

	if (tl < 0)
		return tl;
	for (i = 0; i < FENCES; i++) {
		fds[i] = fence_create(tl);
		if (fds[i] < 0)
			return fds[i];
	}
	/* A reader may still be using what was there: it gets EBADF, or another fence. */
	i = atomic_exchange(slot, fds[round % FENCES]);
	if (i >= 0)
		close(i);
	fence_signal(tl, round % (FENCES + 1), round % 5 ? 0 : -EIO);
	close(tl);
	for (i = 0; i < FENCES; i++)
		if (i != round % FENCES)
			close(fds[i]);
	atomic_fetch_add(&closes, 1);
	return 0;
}

static void *open_and_close(void *arg)
{
	atomic_int *mine = slots[(unsigned long)arg];
	unsigned int round;

	for (round = 0; atomic_load(&closes) < wanted_closes; round++) {
		int ret = live(&mine[round % SLOTS], round);

		if (ret < 0) {
			fprintf(stderr, "storm: %s\n", strerror(-ret));
			exit(1);
		}
		if (round % 5000 == 4999)
			printf("%lu closes, %lu reads\n", atomic_load(&closes),
			       atomic_load(&reads));
	}
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t threads[READERS + WRITERS];
	unsigned long i;

	wanted_closes = argc > 1 ? strtoul(argv[1], NULL, 0) : 100000;
	wanted_reads = argc > 2 ? strtoul(argv[2], NULL, 0) : 1000000;
	setvbuf(stdout, NULL, _IOLBF, 0);
	memset(slots, -1, sizeof(slots));
	if (trace_all_events()) {
		perror("storm: the events of dma_fence");
		return 1;
	}
	for (i = 0; i < READERS; i++)
		pthread_create(&threads[i], NULL, read_names, (void *)(i + 1));
	for (i = 0; i < WRITERS; i++)
		pthread_create(&threads[READERS + i], NULL, open_and_close, (void *)i);
	for (i = 0; i < READERS + WRITERS; i++)
		pthread_join(threads[i], NULL);
	printf("%lu closes, %lu reads, %lu odd names\n", atomic_load(&closes),
	       atomic_load(&reads), atomic_load(&odd_names));
	return atomic_load(&odd_names) != 0;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Runs readers of fences against writers. Readers read names and set deadlines, while
 * writers open, fill, signal and close the timelines of the fences.
 *
 *   storm [CLOSES [READS]]
 *
 * A read is a name and a deadline. Readers wait for the writers, so that they read
 * while timelines are being closed.
 *
 * The checkers of the debug kernel report faults, so tests/storm/run runs the program
 * there, with all events of dma_fence traced. The program itself checks that no reader
 * gets a name that no timeline ever had, and that some readers get the name of an open
 * timeline.
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
/* Few slots, so that a reader often has a fence whose timeline is about to be closed. */
#define SLOTS		2
#define FENCES		3

/* The descriptors that readers use. A reader may find -1, or a descriptor that was just closed. */
static atomic_int slots[WRITERS][SLOTS];
static atomic_ulong reads, live_names, odd_names, deadlines, closes;
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

/* Returns whether the readers have made more reads than their share for the closes so far. */
static int ahead(void)
{
	unsigned long share = wanted_reads / wanted_closes + 1;

	return atomic_load(&closes) < wanted_closes &&
	       atomic_load(&reads) > (atomic_load(&closes) + 16) * share;
}

static void read_one(int fd)
{
	struct sync_fence_info fence;

	if (fd < 0 || fence_describe(fd, &fence) < 0)
		return;
	if (!strncmp(fence.obj_name, "storm-", 6))
		atomic_fetch_add(&live_names, 1);
	else if (strcmp(fence.obj_name, "signaled-timeline"))
		atomic_fetch_add(&odd_names, 1);
	if (!fence_set_deadline(fd, now_ns()))
		atomic_fetch_add(&deadlines, 1);
	atomic_fetch_add(&reads, 1);
}

static void *read_names(void *arg)
{
	unsigned int seed = (unsigned int)(unsigned long)arg;

	while (atomic_load(&closes) < wanted_closes ||
	       atomic_load(&reads) < wanted_reads) {
		if (ahead())
			usleep(2000);
		else
			read_one(slots[rand_r(&seed) % WRITERS][rand_r(&seed) % SLOTS]);
	}
	return NULL;
}

/* One life of a timeline: opened, filled, signaled in part or not at all, and closed. */
static int live(atomic_int *slot, unsigned int round)
{
	unsigned int count = round % 8 ? 1 : FENCES;
	int tl = timeline_open();
	int fds[FENCES];
	unsigned int i;
	__s64 ret;
	int old;

	if (tl < 0)
		return tl;
	ret = fence_create_many(tl, fds, count);
	if (ret < 0)
		return ret;
	/* A reader may still use the old descriptor. It then gets EBADF, or another fence. */
	old = atomic_exchange(slot, fds[0]);
	if (old >= 0)
		close(old);
	if (round % 4 == 0)
		fence_signal(tl, 1, round % 3 ? 0 : -EIO);
	close(tl);
	for (i = 1; i < count; i++)
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
	printf("%lu closes, %lu reads, %lu deadlines, %lu live names, %lu odd names\n",
	       atomic_load(&closes), atomic_load(&reads), atomic_load(&deadlines),
	       atomic_load(&live_names), atomic_load(&odd_names));
	return atomic_load(&odd_names) != 0 || atomic_load(&live_names) == 0;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * How much memory of the kernel's slab caches things take. The figures are those of
 * /proc/meminfo: whole pages, so of many things.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <linux/dma-buf.h>

#include "bench.h"
#include "buffer.h"

#define TIMELINES 15000
#define FENCES	50000

static __u64 slab_bytes(void)
{
	FILE *file = fopen("/proc/meminfo", "r");
	unsigned long long kilobytes = 0;
	char line[128];

	must(file, "/proc/meminfo");
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "Slab: %llu kB", &kilobytes) == 1)
			break;
	fclose(file);
	must(kilobytes, "reading /proc/meminfo");
	return kilobytes * 1024;
}

/* Returns how much memory FENCES sync_files of one fence and their descriptors take. */
static __u64 slab_of_sync_files(void)
{
	const char *source;
	int buffer = buffer_any(4096, &source);
	__u64 before, after;
	int i;

	must(buffer >= 0, "allocating a dma-buf");
	before = slab_bytes();
	for (i = 0; i < FENCES; i++) {
		fds[i] = buffer_export(buffer, DMA_BUF_SYNC_READ);
		must(fds[i] >= 0, "exporting a fence");
	}
	after = slab_bytes();
	close_each(fds, FENCES);
	close(buffer);
	/* The freed memory must be free before the next measurement. */
	sleep_ms(FREED_MS);
	return after - before;
}

/* Measures a pending fence without its sync_file and its descriptor. */
static int fence_bytes(const struct node *node, const struct row *row)
{
	__u64 others = slab_of_sync_files();
	int tl = open_timeline(node);
	__u64 before = slab_bytes();
	__u64 took;

	(void)row;
	node->create_many(tl, fds, 1, FENCES);
	took = slab_bytes() - before;
	stopwatch_add(took > others ? took - others : 0);
	close_each(fds, FENCES);
	close(tl);
	return FENCES;
}

static int open_null(void)
{
	return open("/dev/null", O_RDWR | O_CLOEXEC);
}

static __u64 slab_of_open(int (*open_one)(void))
{
	__u64 before = slab_bytes();
	__u64 after;
	int i;

	for (i = 0; i < TIMELINES; i++) {
		fds[i] = open_one();
		must(fds[i] >= 0, "opening a timeline");
	}
	after = slab_bytes();
	close_each(fds, TIMELINES);
	sleep_ms(FREED_MS);
	return after - before;
}

/* Measures an open timeline without its struct file. */
static int timeline_bytes(const struct node *node, const struct row *row)
{
	__u64 files = slab_of_open(open_null);
	__u64 took = slab_of_open(node->open);

	(void)row;
	stopwatch_add(took > files ? took - files : 0);
	return TIMELINES;
}

const struct row memory_rows[] = {
	{ ROW("fence_bytes", "slab bytes of a pending fence", fence_bytes) },
	{ ROW("timeline_bytes", "slab bytes of an open timeline", timeline_bytes) },
	{}
};

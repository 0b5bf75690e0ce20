// SPDX-License-Identifier: GPL-2.0
/*
 * What the operations cost, next to the kernel's sw_sync in the same boot.
 *
 *   bench [OPERATIONS]
 *
 * Meant for a machine whose clock counts instructions, one a nanosecond (QEMU with
 * -icount shift=0,sleep=off -smp 1): the figures then are instructions, and repeat.
 * On another machine they are nanoseconds, and vary.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/syscall.h>
#include <linux/dma-buf.h>

#include "buffer.h"
#include "fence.h"
#include "kselftest.h"

#define ROUNDS	5
/* Takes the place of a figure that there is none of. */
#define NONE	(-1.0)

/* How each of the three is used. */
struct node {
	const char *name;
	int (*open)(void);
	int (*create)(int tl, __u32 value);
	/* Signals up to @value; the one before was @from. */
	int (*signal)(int tl, __u32 from, __u32 value);
};

static int open_kernel(void)
{
	return sw_sync_open(SW_SYNC_KERNEL);
}

static int open_compat(void)
{
	return sw_sync_open(SW_SYNC_DEVICE);
}

static int create_native(int tl, __u32 value)
{
	(void)value;
	return fence_create(tl);
}

static int signal_native(int tl, __u32 from, __u32 value)
{
	(void)from;
	return fence_signal(tl, value, 0) < 0 ? -1 : 0;
}

static int signal_sw_sync(int tl, __u32 from, __u32 value)
{
	return sw_sync_inc(tl, value - from);
}

static const struct node nodes[] = {
	{ "sw_sync", open_kernel, sw_sync_create, signal_sw_sync },
	{ "/dev/sw_sync", open_compat, sw_sync_create, signal_sw_sync },
	{ "native", timeline_open, create_native, signal_native },
};

#define NODES	ARRAY_SIZE(nodes)

static int *fds;

static void must(int as_expected, const char *what)
{
	if (as_expected)
		return;
	fprintf(stderr, "bench: %s failed: %s\n", what, strerror(errno));
	exit(1);
}

static void create_all(const struct node *node, int tl, int count)
{
	int i;

	for (i = 0; i < count; i++) {
		fds[i] = node->create(tl, i + 1);
		must(fds[i] >= 0, "creating a fence");
	}
}

static void close_all(int count)
{
	int i;

	for (i = 0; i < count; i++)
		close(fds[i]);
}

/* Each measures @count operations and returns what all of them took. */

static __u64 create_and_close(const struct node *node, int count)
{
	int tl = node->open();
	__u64 begin, end;
	int i;

	begin = now_ns();
	for (i = 0; i < count; i++)
		must(!close(node->create(tl, i + 1)), "creating a fence");
	end = now_ns();
	close(tl);
	return end - begin;
}

static __u64 create_growing(const struct node *node, int count)
{
	int tl = node->open();
	__u64 begin = now_ns();
	__u64 end;

	create_all(node, tl, count);
	end = now_ns();
	close_all(count);
	close(tl);
	return end - begin;
}

static __u64 read_names(const struct node *node, int count)
{
	struct sync_fence_info info;
	int tl = node->open();
	int fd = node->create(tl, 1);
	__u64 begin = now_ns();
	__u64 end;
	int i;

	for (i = 0; i < count; i++)
		must(!fence_describe(fd, &info), "SYNC_IOC_FILE_INFO");
	end = now_ns();
	close(fd);
	close(tl);
	return end - begin;
}

static __u64 first_wait(const struct node *node, int count)
{
	int tl = node->open();
	__u64 begin, end;
	int i;

	create_all(node, tl, count);
	begin = now_ns();
	for (i = 0; i < count; i++)
		must(!fence_wait(fds[i], 0), "poll");
	end = now_ns();
	close_all(count);
	close(tl);
	return end - begin;
}

static __u64 signal_each(const struct node *node, int count)
{
	int tl = node->open();
	__u64 begin, end;
	int i;

	create_all(node, tl, count);
	begin = now_ns();
	for (i = 0; i < count; i++)
		must(!node->signal(tl, i, i + 1), "signalling");
	end = now_ns();
	close_all(count);
	close(tl);
	return end - begin;
}

static __u64 signal_all(const struct node *node, int count)
{
	int tl = node->open();
	__u64 begin, end;

	create_all(node, tl, count);
	begin = now_ns();
	must(!node->signal(tl, 0, count), "signalling");
	end = now_ns();
	close_all(count);
	close(tl);
	return end - begin;
}

static __u64 close_pending(const struct node *node, int count)
{
	int tl = node->open();
	__u64 begin, end;

	create_all(node, tl, count);
	begin = now_ns();
	close(tl);
	end = now_ns();
	close_all(count);
	return end - begin;
}

static __u64 open_and_close(const struct node *node, int count)
{
	__u64 begin = now_ns();
	int i;

	for (i = 0; i < count; i++)
		must(!close(node->open()), "opening a timeline");
	return now_ns() - begin;
}

static __u64 create_many(const struct node *node, int count)
{
	int tl = node->open();
	__u64 begin = now_ns();
	__u64 end;
	int i;

	for (i = 0; i + FENCE_EXPORTER_MAX_FENCES <= count;
	     i += FENCE_EXPORTER_MAX_FENCES)
		must(fence_create_many(tl, fds + i, FENCE_EXPORTER_MAX_FENCES) > 0,
		     "creating fences");
	end = now_ns();
	close_all(i);
	close(tl);
	/* As if there had been @count of them. */
	return (end - begin) * count / i;
}

static __u64 enter_kernel(const struct node *node, int count)
{
	__u64 begin = now_ns();
	int i;

	(void)node;
	for (i = 0; i < count; i++)
		syscall(SYS_getppid);
	return now_ns() - begin;
}

static __u64 export_idle(const struct node *node, int count)
{
	const char *source;
	int buffer = buffer_any(4096, &source);
	__u64 begin, end;
	int i;

	(void)node;
	must(buffer >= 0, "allocating a dma-buf");
	begin = now_ns();
	for (i = 0; i < count; i++)
		must(!close(buffer_export(buffer, DMA_BUF_SYNC_READ)),
		     "exporting a fence");
	end = now_ns();
	close(buffer);
	return end - begin;
}

/* The best of some rounds: an interrupt makes one longer, nothing shorter. */
static double measure(__u64 (*operation)(const struct node *node, int count),
		      const struct node *node, int count)
{
	__u64 best = ~0ULL;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		__u64 took = operation(node, count);

		if (took < best)
			best = took;
	}
	return (double)best / count;
}

static const struct {
	const char *name;
	__u64 (*operation)(const struct node *node, int count);
	/* Not of the nodes that are compatible with sw_sync. */
	int native_only;
} rows[] = {
	{ "create a fence and close its descriptor", create_and_close, 0 },
	{ "create, pending list growing", create_growing, 0 },
	{ "create 64 at once, per fence", create_many, 1 },
	{ "SYNC_IOC_FILE_INFO (reads the names)", read_names, 0 },
	{ "poll a pending fence, the first wait", first_wait, 0 },
	{ "signal one", signal_each, 0 },
	{ "signal all at once, per fence", signal_all, 0 },
	{ "close the timeline, per pending fence", close_pending, 0 },
	{ "open and close a timeline", open_and_close, 0 },
};

static int node_is_there(const struct node *node)
{
	int fd = node->open();

	if (fd < 0)
		return 0;
	close(fd);
	return 1;
}

int main(int argc, char **argv)
{
	int count = argc > 1 ? atoi(argv[1]) : 2000;
	int there[NODES];
	unsigned int i, k;

	fds = calloc(count > 0 ? count : 1, sizeof(*fds));
	if (count < FENCE_EXPORTER_MAX_FENCES || !fds || allow_fds(count + 64)) {
		fprintf(stderr, "bench: a number of operations from %d, please\n",
			FENCE_EXPORTER_MAX_FENCES);
		return 2;
	}
	printf("%d operations each, best of %d rounds; ns, or instructions with -icount\n\n",
	       count, ROUNDS);
	printf("%-42s", "");
	for (i = 0; i < NODES; i++) {
		there[i] = node_is_there(&nodes[i]);
		printf("%14s", nodes[i].name);
	}
	printf("\n%-42s%14.0f\n", "getppid (the cost of entering the kernel)",
	       measure(enter_kernel, NULL, count));
	for (k = 0; k < ARRAY_SIZE(rows); k++) {
		printf("%-42s", rows[k].name);
		for (i = 0; i < NODES; i++) {
			double cost = NONE;

			if (there[i] &&
			    (!rows[k].native_only || nodes[i].create == create_native))
				cost = measure(rows[k].operation, &nodes[i], count);
			if (cost == NONE)
				printf("%14s", "-");
			else
				printf("%14.0f", cost);
			fflush(stdout);
		}
		printf("\n");
	}
	printf("%-42s%14.0f\n", "export an idle dma-buf's fence and close it",
	       measure(export_idle, NULL, count));
	return 0;
}

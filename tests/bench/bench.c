// SPDX-License-Identifier: GPL-2.0
/*
 * What the operations cost, next to the kernel's sw_sync in the same boot.
 *
 *   bench [-c CGROUP] [ROW ...]
 *
 * Without names, all rows are measured. Each line of the output is one measurement:
 * row, node, operations, and what all of them took, with tabs between. The lines that
 * begin with a # say what the rows are.
 *
 * Meant for a machine whose clock counts instructions, one a nanosecond (QEMU with
 * -icount shift=0,sleep=off -smp 1): the figures then are instructions, and repeat.
 * On another machine they are nanoseconds, and vary.
 *
 *   -c CGROUP   in a new memory cgroup of that name, below the one that is
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>

#include "bench.h"

#define CGROUPS	"/sys/fs/cgroup"
/* More than MANY: some rows create further fences while MANY are pending. */
#define ALL_FDS	(MANY + 4096)

int fds[ALL_FDS];

/* Memory comes first, because the other tables leave free memory in the slab caches. */
static const struct row *const tables[] = {
	memory_rows, floor_rows, life_rows, signal_rows, wait_rows, engine_rows,
};

void must(bool as_expected, const char *what)
{
	if (as_expected)
		return;
	fprintf(stderr, "bench: %s failed: %s\n", what, strerror(errno));
	exit(1);
}

int open_timeline(const struct node *node)
{
	int tl = node->open();

	must(tl >= 0, "opening a timeline");
	return tl;
}

void close_each(const int *fds, int count)
{
	int i;

	for (i = 0; i < count; i++)
		close(fds[i]);
}

/*
 * Moves the process into a child of the root group, because memory of the kernel is not accounted
 * to the root group.
 */
static void enter_cgroup(const char *name)
{
	char path[256];

	must(!write_file(CGROUPS "/cgroup.subtree_control", "+memory"), "accounting memory");
	snprintf(path, sizeof(path), CGROUPS "/%s", name);
	must(!mkdir(path, 0755) || errno == EEXIST, path);
	snprintf(path, sizeof(path), CGROUPS "/%s/cgroup.procs", name);
	must(!write_file(path, "0"), path);
}

/* Enlarges the table of descriptors, so that the measurements do not include its growth. */
static void grow_fd_table(void)
{
	must(!allow_fds(ALL_FDS), "allowing descriptors");
	must(!close(dup2(STDIN_FILENO, ALL_FDS - 1)), "a descriptor with a high number");
}

static bool wanted(const struct row *row, char **names)
{
	if (!*names)
		return true;
	for (; *names; names++)
		if (!strcmp(*names, row->id))
			return true;
	return false;
}

static bool does(const struct node *node, const struct row *row)
{
	switch (row->of) {
	case OF_NO_NODE:
		return node == nodes;
	case OF_ANY_ORDER_NODES:
		return node->any_order;
	case OF_ENGINE_NODES:
		return node->engine;
	default:
		return true;
	}
}

static void measure(const struct row *row, const struct node *node)
{
	const char *name = row->of == OF_NO_NODE ? "kernel" : node->name;

	int operations;
	__u64 took;

	/*
	 * Waits until the memory that was freed before is free. Otherwise the measurement would
	 * include it.
	 */
	sleep_ms(FREED_MS);
	operations = row->measure(node, row);
	took = stopwatch_read();
	printf("%s\t%s\t%d\t%llu\n", row->id, name, operations, (unsigned long long)took);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	const struct row *row;
	int option;
	unsigned int i, k;

	while ((option = getopt(argc, argv, "c:")) != -1) {
		switch (option) {
		case 'c':
			enter_cgroup(optarg);
			break;
		default:
			fprintf(stderr, "usage: bench [-c CGROUP] [ROW ...]\n");
			return 2;
		}
	}
	grow_fd_table();
	stopwatch_setup();
	for (i = 0; i < ARRAY_SIZE(tables); i++) {
		for (row = tables[i]; row->id; row++) {
			if (!wanted(row, argv + optind))
				continue;
			printf("#\t%s\t%s\n", row->id, row->title);
			for (k = 0; k < n_nodes; k++)
				if (does(&nodes[k], row))
					measure(row, &nodes[k]);
		}
	}
	return 0;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * What those do who got a fence: ask what it is, wait for it, merge it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "bench.h"

#define TIMES	2048

static int read_names_of(const struct node *node, int tl)
{
	struct sync_fence_info info;
	int fd = node->create(tl, 1);
	int i;

	must(fd >= 0, "creating a fence");
	stopwatch_start();
	for (i = 0; i < TIMES; i++)
		must(!fence_describe(fd, &info), "SYNC_IOC_FILE_INFO");
	stopwatch_stop();
	close(fd);
	close(tl);
	return TIMES;
}

static int read_names(const struct node *node, const struct row *row)
{
	(void)row;
	return read_names_of(node, open_timeline(node));
}

/*
 * The kernel's sw_sync names a timeline after the program. The module's sw_sync names a timeline
 * after the program and the process. A longer name takes longer to copy. So this test gives both
 * timelines a name of the form <program>-<process>.
 */
static int read_names_alike(const struct node *node, const struct row *row)
{
	char program[16], alike[16];
	int tl;

	(void)row;
	prctl(PR_GET_NAME, program);
	snprintf(alike, sizeof(alike), "%.8s-%d", program, getpid());
	if (node == nodes)
		prctl(PR_SET_NAME, alike);
	tl = open_timeline(node);
	prctl(PR_SET_NAME, program);
	return read_names_of(node, tl);
}

static int first_poll(const struct node *node, const struct row *row)
{
	int tl = open_timeline(node);
	int i;

	(void)row;
	node->create_many(tl, fds, 1, TIMES);
	stopwatch_start();
	for (i = 0; i < TIMES; i++)
		must(!fence_wait(fds[i], 0), "poll");
	stopwatch_stop();
	close_each(fds, TIMES);
	close(tl);
	return TIMES;
}

/* Waits for each fence in @wait_for. After each, signals one fence of @tl. */
static void answer(const struct node *node, const int *wait_for, int tl)
{
	int i;

	for (i = 0; i < TIMES; i++) {
		if (fence_wait(wait_for[i], LONG_MS) != 1)
			exit(1);
		node->signal(tl, i, i + 1);
	}
	exit(0);
}

/* Two processes wake each other in turn, so that one of them always runs. */
static int wait_and_wake(const struct node *node, const struct row *row)
{
	int here = open_timeline(node), there = open_timeline(node);
	int *answers = fds + TIMES;
	int i, status;
	pid_t child;

	(void)row;
	node->create_many(here, fds, 1, TIMES);
	node->create_many(there, answers, 1, TIMES);
	child = fork();
	must(child >= 0, "fork");
	if (!child)
		answer(node, fds, there);
	/* Gives the other process time to begin its wait. */
	sleep_ms(10);
	stopwatch_start();
	for (i = 0; i < TIMES; i++) {
		node->signal(here, i, i + 1);
		must(fence_wait(answers[i], LONG_MS) == 1, "waiting");
	}
	stopwatch_stop();
	must(waitpid(child, &status, 0) == child && !status, "the other process");
	close_each(fds, 2 * TIMES);
	close(here);
	close(there);
	return 2 * TIMES;
}

/* Merges two sync_files that have row->size / 2 pending fences each, all of different timelines. */
static int merge(const struct node *node, const struct row *row)
{
	int half[2], *timelines = fds;
	int i;

	for (i = 0; i < row->size; i++) {
		int *into = &half[i % 2];
		int fence, merged;

		timelines[i] = open_timeline(node);
		fence = node->create(timelines[i], 1);
		must(fence >= 0, "creating a fence");
		if (i < 2) {
			*into = fence;
			continue;
		}
		merged = fence_merge(*into, fence);
		must(merged >= 0, "merging");
		close(*into);
		close(fence);
		*into = merged;
	}
	stopwatch_start();
	for (i = 0; i < TIMES / 8; i++)
		must(!close(fence_merge(half[0], half[1])), "merging");
	stopwatch_stop();
	close_each(half, 2);
	close_each(timelines, row->size);
	return TIMES / 8;
}

const struct row wait_rows[] = {
	{ ROW("names", "read the names (SYNC_IOC_FILE_INFO)", read_names) },
	{ ROW("names_alike", "read the names, timelines named alike", read_names_alike) },
	{ ROW("first_poll", "poll a pending fence, the first wait", first_poll) },
	{ ROW("wait_wake", "wait and wake across two processes", wait_and_wake) },
	{ ROW("merge_2", "merge 2 fences, close the sync_file", merge), .size = 2 },
	{ ROW("merge_64", "merge 64 fences, close the sync_file", merge), .size = 64 },
	{}
};

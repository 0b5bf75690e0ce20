/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the parts of the benchmark share.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <linux/types.h>

#include "fence.h"
#include "kselftest.h"

/* Most fences that are pending at once. */
#define MANY	100000
/* After which what was freed is free: kfree_rcu() and lazy RCU callbacks take their time. */
#define FREED_MS 12000

/* A driver under test, and how each thing is done with it. */
struct node {
	const char *name;
	int (*open)(void);
	/* A fence: @value counts from 1. */
	int (*create)(int tl, __u32 value);
	/* @count fences in @fds, the first of @value, by as few calls as the node takes. */
	void (*create_many)(int tl, int *fds, __u32 value, int count);
	/* Signals up to @value; the one before was @from. */
	void (*signal)(int tl, __u32 from, __u32 value);
	/* Fences may be created in any order of their values. */
	bool any_order;
	/* It has SUBMIT. */
	bool engine;
};

extern const struct node nodes[];
extern const unsigned int n_nodes;

/* A thing that is measured. */
struct row {
	const char *id;
	const char *title;
	/*
	 * Does it with stopwatch_start() and stopwatch_stop() around what counts, and
	 * returns how many operations that were.
	 */
	int (*measure)(const struct node *node, const struct row *row);
	/* What the operation is done with: fences at once, or pending; where it says so. */
	int size;
	enum order {
		ASCENDING,
		DESCENDING,
		RANDOM,
	} order;
	enum {
		OF_ALL_NODES,
		/* The kernel alone does it: the cost that every driver pays. */
		OF_NO_NODE,
		OF_ANY_ORDER_NODES,
		OF_ENGINE_NODES,
	} of;
};

#define ROW(ID, TITLE, MEASURE) .id = (ID), .title = (TITLE), .measure = (MEASURE)

/* The rows of one file, an empty one at the end. */
extern const struct row floor_rows[];
extern const struct row life_rows[];
extern const struct row signal_rows[];
extern const struct row wait_rows[];
extern const struct row engine_rows[];
extern const struct row memory_rows[];

/* Descriptors of fences, MANY and some. */
extern int fds[];

/* Time that has been stopped since the last stopwatch_read(). */
void stopwatch_setup(void);
void stopwatch_start(void);
void stopwatch_stop(void);
__u64 stopwatch_read(void);
/* Instead of time: something else that grew. */
void stopwatch_add(__u64 amount);

/* Ends the program unless it is @as_expected. */
void must(bool as_expected, const char *what);
void close_each(const int *fds, int count);
/* Opens a timeline. */
int open_timeline(const struct node *node);

#endif

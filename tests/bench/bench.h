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

/* The largest number of fences that are pending at once. */
#define MANY	100000
/* After this time in ms, freed memory is free: kfree_rcu() and lazy RCU callbacks delay it. */
#define FREED_MS 12000

/* A driver under test, and its way to do each thing. */
struct node {
	const char *name;
	int (*open)(void);
	/* Creates a fence with the value @value. Values begin with 1. */
	int (*create)(int tl, __u32 value);
	/* Creates @count fences with the values from @value on, by as few calls as possible. */
	void (*create_many)(int tl, int *fds, __u32 value, int count);
	/* Signals the fences above @from, up to @value. */
	void (*signal)(int tl, __u32 from, __u32 value);
	/* Whether fences may be created in any order of their values. */
	bool any_order;
	/* Whether the driver has SUBMIT. */
	bool engine;
};

extern const struct node nodes[];
extern const unsigned int n_nodes;

/* A measurement. */
struct row {
	const char *id;
	const char *title;
	/*
	 * Does the measured work between stopwatch_start() and stopwatch_stop(). Returns how many
	 * operations it has done.
	 */
	int (*measure)(const struct node *node, const struct row *row);
	/* How many fences a call handles, or how many are pending, if that matters. */
	int size;
	enum order {
		ASCENDING,
		DESCENDING,
		RANDOM,
	} order;
	enum {
		OF_ALL_NODES,
		/* Only the kernel does the work: the cost that every driver has. */
		OF_NO_NODE,
		OF_ANY_ORDER_NODES,
		OF_ENGINE_NODES,
	} of;
};

#define ROW(ID, TITLE, MEASURE) .id = (ID), .title = (TITLE), .measure = (MEASURE)

/* The rows of each file. An empty row ends a table. */
extern const struct row floor_rows[];
extern const struct row life_rows[];
extern const struct row signal_rows[];
extern const struct row wait_rows[];
extern const struct row engine_rows[];
extern const struct row memory_rows[];

/* Room for the descriptors of MANY fences and some more. */
extern int fds[];

/* Measures the time that has passed while the stopwatch ran since the last stopwatch_read(). */
void stopwatch_setup(void);
void stopwatch_start(void);
void stopwatch_stop(void);
__u64 stopwatch_read(void);
/* For rows that measure something other than time: adds the amount by which it has grown. */
void stopwatch_add(__u64 amount);

/* Ends the program with a message unless @as_expected. */
void must(bool as_expected, const char *what);
void close_each(const int *fds, int count);
/* Opens a timeline. */
int open_timeline(const struct node *node);

#endif

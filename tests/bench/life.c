// SPDX-License-Identifier: GPL-2.0
/*
 * How fences come and go: alone, in batches, and with many others pending.
 */
#include <stdlib.h>
#include <unistd.h>

#include "bench.h"

#define TIMES	2048
/* How many fences are created while others are pending. */
#define AMONG	256

static int open_and_close(const struct node *node, const struct row *row)
{
	int i;

	(void)row;
	stopwatch_start();
	for (i = 0; i < TIMES; i++)
		must(!close(node->open()), "opening a timeline");
	stopwatch_stop();
	return TIMES;
}

static int create_and_close(const struct node *node, const struct row *row)
{
	int tl = open_timeline(node);
	int i;

	(void)row;
	stopwatch_start();
	for (i = 0; i < TIMES; i++)
		must(!close(node->create(tl, i + 1)), "creating a fence");
	stopwatch_stop();
	close(tl);
	return TIMES;
}

/* Creates row->size fences at once. */
static int create(const struct node *node, const struct row *row)
{
	int tl = open_timeline(node);
	int i;

	stopwatch_start();
	for (i = 0; i < TIMES; i += row->size)
		node->create_many(tl, fds + i, i + 1, row->size);
	stopwatch_stop();
	close_each(fds, TIMES);
	close(tl);
	return TIMES;
}

/* Creates, signals and closes row->size fences at once. */
static int live(const struct node *node, const struct row *row)
{
	int tl = open_timeline(node);
	int i;

	stopwatch_start();
	for (i = 0; i < TIMES; i += row->size) {
		node->create_many(tl, fds, i + 1, row->size);
		node->signal(tl, i, i + row->size);
		close_each(fds, row->size);
	}
	stopwatch_stop();
	close(tl);
	return TIMES;
}

/* Signals and closes the oldest fence and creates a new one, while row->size are pending. */
static int live_among(const struct node *node, const struct row *row)
{
	int tl = open_timeline(node);
	int i;

	node->create_many(tl, fds, 1, row->size);
	stopwatch_start();
	for (i = 0; i < TIMES; i++) {
		int slot = i % row->size;

		node->signal(tl, i, i + 1);
		close(fds[slot]);
		fds[slot] = node->create(tl, i + row->size + 1);
		must(fds[slot] >= 0, "creating a fence");
	}
	stopwatch_stop();
	close_each(fds, row->size);
	close(tl);
	return TIMES;
}

/* Returns the values of @count fences in the order that is asked for. */
static __u32 *values_in(enum order order, int count)
{
	__u32 *values = malloc(count * sizeof(*values));
	int i;

	must(values, "allocating memory");
	srandom(1);
	for (i = 0; i < count; i++) {
		int other = order == RANDOM ? random() % (i + 1) : i;

		values[i] = values[other];
		values[other] = order == DESCENDING ? count - i : i + 1;
	}
	return values;
}

/*
 * Leaves free memory for AMONG fences in the slab caches. Otherwise the state of the caches would
 * determine how many of the measured fences need a new page.
 */
static void warm_up(const struct node *node)
{
	int tl = open_timeline(node);
	int *some = fds + MANY + AMONG;

	node->create_many(tl, some, 1, 2 * AMONG);
	node->signal(tl, 0, 2 * AMONG);
	close_each(some, 2 * AMONG);
	close(tl);
	sleep_ms(FREED_MS);
}

/* Creates fences while row->size others are pending. */
static int create_among(const struct node *node, const struct row *row)
{
	int among = row->size < AMONG ? row->size : AMONG;
	int rounds = AMONG / among;
	__u32 *values = values_in(row->order, row->size + among);
	int round, i;

	for (round = 0; round < rounds; round++) {
		int tl = open_timeline(node);

		for (i = 0; i < row->size + among; i++) {
			if (i == row->size) {
				warm_up(node);
				stopwatch_start();
			}
			fds[i] = node->create(tl, values[i]);
			must(fds[i] >= 0, "creating a fence");
		}
		stopwatch_stop();
		close_each(fds, row->size + among);
		close(tl);
	}
	free(values);
	return rounds * among;
}

const struct row life_rows[] = {
	{ ROW("open_close", "open and close a timeline", open_and_close) },
	{ ROW("create_close", "create a fence, close its descriptor", create_and_close) },
	{ ROW("life_1", "create, signal, close", live), .size = 1 },
	{ ROW("life_8", "create, signal, close, 8 at once", live), .size = 8 },
	{ ROW("life_64", "create, signal, close, 64 at once", live), .size = 64 },
	{ ROW("create_1", "create", create), .size = 1 },
	{ ROW("create_8", "create, 8 at once", create), .size = 8 },
	{ ROW("create_64", "create, 64 at once", create), .size = 64 },
	{ ROW("create_among_10", "create, 10 pending", create_among),
	  .size = 10 },
	{ ROW("create_among_1000", "create, 1000 pending", create_among),
	  .size = 1000 },
	{ ROW("create_among_10000", "create, 10^4 pending", create_among),
	  .size = 10000 },
	{ ROW("create_among_100000", "create, 10^5 pending", create_among),
	  .size = MANY },
	{ ROW("life_among_10", "signal, close, create, 10 pending", live_among),
	  .size = 10 },
	{ ROW("life_among_1000", "signal, close, create, 1000 pending", live_among),
	  .size = 1000 },
	{ ROW("life_among_10000", "signal, close, create, 10^4 pending", live_among),
	  .size = 10000 },
	{ ROW("life_among_100000", "signal, close, create, 10^5 pending", live_among),
	  .size = MANY },
	{ ROW("create_descending_10", "create, descending values, 10 pending", create_among),
	  .size = 10, .order = DESCENDING, .of = OF_ANY_ORDER_NODES },
	{ ROW("create_descending_1000", "create, descending values, 1000 pending", create_among),
	  .size = 1000, .order = DESCENDING, .of = OF_ANY_ORDER_NODES },
	{ ROW("create_descending_10000", "create, descending values, 10^4 pending", create_among),
	  .size = 10000, .order = DESCENDING, .of = OF_ANY_ORDER_NODES },
	{ ROW("create_descending_100000", "create, descending values, 10^5 pending", create_among),
	  .size = MANY, .order = DESCENDING, .of = OF_ANY_ORDER_NODES },
	{ ROW("create_random_10", "create, random values, 10 pending", create_among),
	  .size = 10, .order = RANDOM, .of = OF_ANY_ORDER_NODES },
	{ ROW("create_random_1000", "create, random values, 1000 pending", create_among),
	  .size = 1000, .order = RANDOM, .of = OF_ANY_ORDER_NODES },
	{ ROW("create_random_10000", "create, random values, 10^4 pending", create_among),
	  .size = 10000, .order = RANDOM, .of = OF_ANY_ORDER_NODES },
	{ ROW("create_random_100000", "create, random values, 10^5 pending", create_among),
	  .size = MANY, .order = RANDOM, .of = OF_ANY_ORDER_NODES },
	{}
};

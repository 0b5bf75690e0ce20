// SPDX-License-Identifier: GPL-2.0
/*
 * How fences complete: one by one, many at once, and with their timeline.
 */
#include <unistd.h>

#include "bench.h"

static int signal_each(const struct node *node, const struct row *row)
{
	int tl = open_timeline(node);
	int i;

	node->create_many(tl, fds, 1, row->size);
	stopwatch_start();
	for (i = 0; i < row->size; i++)
		node->signal(tl, i, i + 1);
	stopwatch_stop();
	close_each(fds, row->size);
	close(tl);
	return row->size;
}

static int signal_all(const struct node *node, const struct row *row)
{
	int tl = open_timeline(node);

	node->create_many(tl, fds, 1, row->size);
	stopwatch_start();
	node->signal(tl, 0, row->size);
	stopwatch_stop();
	close_each(fds, row->size);
	close(tl);
	return row->size;
}

static int close_pending(const struct node *node, const struct row *row)
{
	int tl = open_timeline(node);

	node->create_many(tl, fds, 1, row->size);
	stopwatch_start();
	close(tl);
	stopwatch_stop();
	close_each(fds, row->size);
	return row->size;
}

/* The time of one close, however many fences are pending. */
static int close_one(const struct node *node, const struct row *row)
{
	close_pending(node, row);
	return 1;
}

const struct row signal_rows[] = {
	{ ROW("signal_one", "signal one", signal_each), .size = 2048 },
	{ ROW("signal_all", "signal 10^4 at once, per fence", signal_all), .size = 10000 },
	{ ROW("close_pending", "close with 10^4 pending, per fence", close_pending),
	  .size = 10000 },
	{ ROW("close_one", "close a timeline with one pending fence", close_one), .size = 1 },
	{}
};

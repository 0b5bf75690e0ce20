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

/* Measures how long a close takes, by a clock that does not stop while the processor is idle. */
static int close_one(const struct node *node, const struct row *row)
{
	int i;

	for (i = 0; i < row->size; i++) {
		int tl = open_timeline(node);
		int fd = node->create(tl, 1);

		must(fd >= 0, "creating a fence");
		stopwatch_start();
		close(tl);
		stopwatch_stop();
		close(fd);
	}
	return row->size;
}

const struct row signal_rows[] = {
	{ ROW("signal_one", "signal one", signal_each), .size = 2048 },
	{ ROW("signal_all", "signal 10^4 at once, per fence", signal_all), .size = 10000 },
	{ ROW("close_pending", "close with 10^4 pending, per fence", close_pending),
	  .size = 10000 },
	{ ROW("close_one", "close a timeline with one pending fence", close_one), .size = 64 },
	{}
};

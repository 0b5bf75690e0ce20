// SPDX-License-Identifier: GPL-2.0
/*
 * What a dependency costs: a job that waits for a fence of another timeline.
 */
#include <unistd.h>

#include "bench.h"

#define TIMES	1024

static int open_engine(void)
{
	int tl = timeline_new("engine", 0, FENCE_EXPORTER_SETUP_ENGINE);

	must(tl >= 0, "opening an engine");
	return tl;
}

static void submit_each(int engine, const int *in, int *out, int count)
{
	int i;

	for (i = 0; i < count; i++) {
		out[i] = fence_submit(engine, 0, in[i], 0);
		must(out[i] >= 0, "submitting a job");
	}
}

static int submit(const struct node *node, const struct row *row)
{
	int tl = open_timeline(node), engine = open_engine();

	(void)row;
	node->create_many(tl, fds, 1, TIMES);
	stopwatch_start();
	submit_each(engine, fds, fds + TIMES, TIMES);
	stopwatch_stop();
	close(engine);
	close_each(fds, 2 * TIMES);
	close(tl);
	return TIMES;
}

/* The time from the signal of the in-fence to the signal of the out-fence. */
static int fire(const struct node *node, const struct row *row)
{
	int tl = open_timeline(node), engine = open_engine();
	int *out = fds + TIMES;
	int i;

	(void)row;
	node->create_many(tl, fds, 1, TIMES);
	submit_each(engine, fds, out, TIMES);
	stopwatch_start();
	for (i = 0; i < TIMES; i++) {
		node->signal(tl, i, i + 1);
		must(fence_wait(out[i], LONG_MS) == 1, "waiting for a job");
	}
	stopwatch_stop();
	close(engine);
	close_each(fds, 2 * TIMES);
	close(tl);
	return TIMES;
}

const struct row engine_rows[] = {
	{ ROW("submit", "SUBMIT with a pending in-fence", submit), .of = OF_ENGINE_NODES },
	{ ROW("fire", "signal the in-fence, wait for the job", fire), .of = OF_ENGINE_NODES },
	{}
};

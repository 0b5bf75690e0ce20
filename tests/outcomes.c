// SPDX-License-Identifier: GPL-2.0
/*
 * Makes fences of each outcome, for the test of `fencectl trace` and for a picture. The
 * program does not depend on fencectl. The module must be loaded with sw_sync=1.
 *
 *	outcomes [NAME]
 *
 * NAME is the name of the first timeline. The program prints what the recording must say
 * of each fence (recorded.h).
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fence.h"
#include "recorded.h"
#include "sw_sync.h"

/* This name looks like the text of an event, and must not confuse a reader of the recording. */
#define NAME		"app context=1 seqno=2"
#define HOUR		(3600 * NSEC_PER_SEC)
/* The time that passes between two steps, so that a picture shows the fences side by side. */
#define STEP		(50 * NSEC_PER_MSEC * machine_pace())

static void step(void)
{
	usleep(STEP / 1000);
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : NAME;
	__u64 timeout = 10 * STEP;
	__u64 never = now_ns() + HOUR;
	__u64 soon;
	char program[32], deadlines[64];
	int fds[3], app, job, tl, sw, first, reached, later, late, merged;
	int engine, hasty, other;

	/* A fence that times out between two deadlines. */
	hasty = must("set up a timeline", timeline_new("hasty", timeout, 0));
	late = must("create", fence_create(hasty));
	soon = now_ns() + 7 * STEP;
	must("set a deadline", fence_set_deadline(late, never));
	must("set a deadline", fence_set_deadline(late, soon));

	/*
	 * Fences that end with and without an error, and one that ends by close(2). A job waits for
	 * that one.
	 */
	app = must("set up a timeline", timeline_new(name, 0, 0));
	must("create", fence_create_many(app, fds, 3));
	engine = must("set up an engine", timeline_new("engine", 0, FENCE_EXPORTER_SETUP_ENGINE));
	job = must("submit", fence_submit(engine, 0, fds[2], 0));
	step();
	must("signal", fence_signal(app, 1, 0));
	step();
	must("signal", fence_signal(app, 2, -EIO));
	step();
	must("close", close(app));
	expect(name, 1, fds[0], "done", "");
	expect(name, 2, fds[1], "done", "");
	expect(name, 3, fds[2], "closed", "");
	expect("engine", 1, job, "cancelled", "");

	/*
	 * Fences of sw_sync: one that INC signals, one whose value was already reached, and one
	 * that ends by close(2).
	 */
	snprintf(program, sizeof(program), "outcomes-%d", getpid());
	sw = must("open " SW_SYNC_DEVICE, sw_sync_open(SW_SYNC_DEVICE));
	first = must("create", sw_sync_create(sw, 1));
	step();
	must("increment", sw_sync_inc(sw, 1));
	reached = must("create", sw_sync_create(sw, 1));
	later = must("create", sw_sync_create(sw, 5));
	must("set a deadline", fence_set_deadline(later, never));
	step();
	must("close", close(sw));
	expect(program, 1, first, "done", "");
	expect(program, 1, reached, "done", "");
	snprintf(deadlines, sizeof(deadlines), "%llu", never);
	expect(program, 5, later, "closed", deadlines);

	/*
	 * A merged fence is a fence of the core. It has no such events, although one of its parts
	 * fails.
	 */
	tl = must("set up a timeline", timeline_new("parts", 0, 0));
	must("create", fence_create_many(tl, fds, 1));
	other = must("set up a timeline", timeline_new("other part", 0, 0));
	merged = must("merge", fence_merge(fds[0], must("create", fence_create(other))));
	/* A merged fence looks at its parts only while somebody waits for it. */
	if (must("wait", fence_wait(merged, 1)))
		must("wait", -EALREADY);
	step();
	must("signal", fence_signal(tl, 1, -EIO));
	step();
	must("signal", fence_signal(other, 1, 0));
	signaled(merged);
	expect_unknown("merged", 1);
	expect("parts", 1, fds[0], "done", "");

	snprintf(deadlines, sizeof(deadlines), "%llu,%llu", soon, never);
	expect("hasty", 1, late, "timed_out", deadlines);
	return 0;
}

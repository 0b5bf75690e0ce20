// SPDX-License-Identifier: GPL-2.0
/*
 * Makes fences of each outcome, for the test of `fencectl trace`. The program does not
 * depend on fencectl. The module must be loaded with sw_sync=1.
 *
 * Prints a line for each fence: the name of the timeline, a tab, and a regular
 * expression that the JSON of a recording must match for this fence. Times and error
 * statuses are those of SYNC_IOC_FILE_INFO.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fence.h"
#include "sw_sync.h"

#define NAME		"app context=1 seqno=2"
#define HOUR		(3600 * NSEC_PER_SEC)

/* Returns the result of a call. Ends the program if the call has failed. */
static int must(const char *what, __s64 ret)
{
	if (ret >= 0)
		return ret;
	fprintf(stderr, "outcomes: cannot %s: %s\n", what, strerror(-ret));
	exit(1);
}

static int signaled(int fd)
{
	return must("wait", fence_wait(fd, LONG_MS)) ? fd : must("wait", -ETIME);
}

/*
 * Prints a pattern for the recording's entry about a fence. @deadlines is the content of the
 * entry's JSON list.
 */
static void expect(const char *timeline, unsigned int seqno, int fd, const char *cause,
		   const char *deadlines)
{
	int status = fence_status(signaled(fd));
	const char *name = status < 0 ? strerrorname_np(-status) : "signaled";

	printf("%s\t\"seqno\":%u,\"status\":\"%s%s\",\"cause\":\"%s\",", timeline, seqno,
	       status < 0 ? "-" : "", name, cause);
	printf("\"begin_ns\":[0-9]*,\"end_ns\":%llu,\"deadlines_ns\":\\[%s\\]\n", fence_time(fd),
	       deadlines);
}

int main(void)
{
	__u64 timeout = 500 * NSEC_PER_MSEC * machine_pace();
	__u64 never = now_ns() + HOUR;
	__u64 soon;
	char program[32], deadlines[64];
	int fds[3], first, reached, later, job, late, merged, tl, sw, engine, hasty;

	/*
	 * Fences that end with and without an error, and one that ends by close(2). A job waits for
	 * that one.
	 */
	tl = must("set up a timeline", timeline_new(NAME, 0, 0));
	must("create", fence_create_many(tl, fds, 3));
	must("signal", fence_signal(tl, 1, 0));
	must("signal", fence_signal(tl, 2, -EIO));
	engine = must("set up an engine", timeline_new("engine", 0, FENCE_EXPORTER_SETUP_ENGINE));
	job = must("submit", fence_submit(engine, 0, fds[2], 0));
	must("close", close(tl));
	expect(NAME, 1, fds[0], "done", "");
	expect(NAME, 2, fds[1], "done", "");
	expect(NAME, 3, fds[2], "closed", "");
	expect("engine", 1, job, "cancelled", "");

	/* A fence that times out between two deadlines. */
	hasty = must("set up a timeline", timeline_new("hasty", timeout, 0));
	late = must("create", fence_create(hasty));
	soon = now_ns() + timeout / 10;
	must("set a deadline", fence_set_deadline(late, never));
	must("set a deadline", fence_set_deadline(late, soon));
	snprintf(deadlines, sizeof(deadlines), "%llu,%llu", soon, never);
	expect("hasty", 1, late, "timed_out", deadlines);

	/*
	 * Fences of sw_sync: one that INC signals, one whose value was already reached, and one
	 * that ends by close(2).
	 */
	snprintf(program, sizeof(program), "outcomes-%d", getpid());
	sw = must("open " SW_SYNC_DEVICE, sw_sync_open(SW_SYNC_DEVICE));
	first = must("create", sw_sync_create(sw, 1));
	must("increment", sw_sync_inc(sw, 1));
	reached = must("create", sw_sync_create(sw, 1));
	later = must("create", sw_sync_create(sw, 5));
	must("set a deadline", fence_set_deadline(later, never));
	must("close", close(sw));
	snprintf(deadlines, sizeof(deadlines), "%llu", never);
	expect(program, 1, first, "done", "");
	expect(program, 1, reached, "done", "");
	expect(program, 5, later, "closed", deadlines);

	/*
	 * A merged fence is a fence of the core. It has no such events, although one of its parts
	 * fails.
	 */
	tl = must("set up a timeline", timeline_new("parts", 0, 0));
	must("create", fence_create_many(tl, fds, 1));
	hasty = must("set up a timeline", timeline_new("other part", 0, 0));
	merged = must("merge", fence_merge(fds[0], must("create", fence_create(hasty))));
	/* A merged fence looks at its parts only while somebody waits for it. */
	if (must("wait", fence_wait(merged, 1)))
		must("wait", -EALREADY);
	must("signal", fence_signal(tl, 1, -EIO));
	must("signal", fence_signal(hasty, 1, 0));
	signaled(merged);
	puts("merged\t\"seqno\":1,\"status\":\"unknown\",\"cause\":null,\"begin_ns\":[0-9]*,");
	expect("parts", 1, fds[0], "done", "");
	return 0;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * The module's trace events: the status and the cause of a signaled fence, and the deadlines
 * that are set. Each cause has an event, on both nodes.
 */
#include <sys/mman.h>

#include "fence.h"
#include "harness.h"
#include "sw_sync.h"
#include "trace.h"

#define NATIVE	"fence_exporter"
#define SW_SYNC	"sw_sync"
#define SHORT	(30 * NSEC_PER_MSEC)
#define MOST	128

FIXTURE(trace_status)
{
	struct traced_status events[MOST];
	int tl;
};

FIXTURE_SETUP(trace_status)
{
	if (trace_fences())
		SKIP(return, "this kernel traces no fences");
	ASSERT_EQ(0, trace_statuses());
	self->tl = timeline_new("told", 0, 0);
	ASSERT_LE(0, self->tl);
}

FIXTURE_TEARDOWN(trace_status)
{
	close(self->tl);
	trace_stop();
}

/* Returns whether the event has these values. If not, prints the event on stderr. */
static bool tells(const struct traced_status *event, __u64 seqno, int status, const char *cause)
{
	if (!strcmp(event->name, "signaled") && event->seqno == seqno && event->status == status &&
	    !strcmp(event->cause, cause))
		return true;
	fprintf(stderr, "# %s %s:%llu status=%d cause=%s\n", event->name, event->timeline,
		event->seqno, event->status, event->cause);
	return false;
}

TEST_F(trace_status, signal)
{
	struct traced_status *events = self->events;
	int fds[3];
	int i;

	ASSERT_EQ(1, fence_create_many(self->tl, fds, 3));
	ASSERT_EQ(2, fence_signal(self->tl, 2, 0));
	ASSERT_EQ(1, fence_signal(self->tl, 3, -EIO));
	/* This call signals no fence, so it causes no event. */
	ASSERT_EQ(0, fence_signal(self->tl, 3, 0));
	ASSERT_EQ(3, trace_read_statuses(NATIVE, events, MOST));
	EXPECT_TRUE(tells(&events[0], 1, 0, "done"));
	EXPECT_TRUE(tells(&events[1], 2, 0, "done"));
	EXPECT_TRUE(tells(&events[2], 3, -EIO, "done"));
	for (i = 0; i < 3; i++) {
		EXPECT_STREQ("told", events[i].timeline);
		EXPECT_EQ(timeline_state(self->tl).context, events[i].context);
		EXPECT_EQ(fence_time(fds[i]), events[i].time);
	}
}

/* The event of the module comes before that of the core, which comes before any callback runs. */
TEST_F(trace_status, right_before_the_cores)
{
	struct traced_status *events = self->events;
	int core[2];
	int fds[2];
	int i;

	ASSERT_EQ(1, fence_create_many(self->tl, fds, 2));
	ASSERT_EQ(2, fence_signal(self->tl, 2, 0));
	ASSERT_EQ(2, trace_read_statuses(NATIVE, events, MOST));
	for (i = 0; i < 2; i++) {
		core[i] = trace_line("signaled", events[i].context, events[i].seqno);
		EXPECT_LT(events[i].line, core[i]);
	}
	EXPECT_LT(core[0], events[1].line);
}

TEST_F(trace_status, signal_at)
{
	struct traced_status *events = self->events;
	int fds[2];

	ASSERT_EQ(1, fence_create_many(self->tl, fds, 2));
	ASSERT_EQ(0, fence_signal_at(self->tl, 1, now_ns() + SHORT, 0));
	ASSERT_EQ(0, fence_signal_at(self->tl, 2, now_ns() + SHORT, -ENODATA));
	ASSERT_EQ(1, fence_wait(fds[1], LONG_MS));
	ASSERT_EQ(2, trace_read_statuses(NATIVE, events, MOST));
	EXPECT_TRUE(tells(&events[0], 1, 0, "done"));
	EXPECT_TRUE(tells(&events[1], 2, -ENODATA, "done"));
	EXPECT_EQ(fence_time(fds[1]), events[1].time);
}

TEST_F(trace_status, timeout)
{
	struct traced_status *events = self->events;
	int tl = timeline_new("short", SHORT, 0);
	int fd = fence_create(tl);

	ASSERT_LE(0, fd);
	ASSERT_EQ(1, fence_wait(fd, LONG_MS));
	ASSERT_EQ(1, trace_read_statuses(NATIVE, events, MOST));
	EXPECT_TRUE(tells(&events[0], 1, -ETIMEDOUT, "timed_out"));
	EXPECT_STREQ("short", events[0].timeline);
	EXPECT_EQ(fence_time(fd), events[0].time);
}

TEST_F(trace_status, close)
{
	struct traced_status *events = self->events;
	int fds[3];

	ASSERT_EQ(1, fence_create_many(self->tl, fds, 3));
	ASSERT_EQ(1, fence_signal(self->tl, 1, 0));
	ASSERT_EQ(0, close(self->tl));
	self->tl = -1;
	ASSERT_EQ(3, trace_read_statuses(NATIVE, events, MOST));
	EXPECT_TRUE(tells(&events[0], 1, 0, "done"));
	EXPECT_TRUE(tells(&events[1], 2, -ECANCELED, "closed"));
	EXPECT_TRUE(tells(&events[2], 3, -ECANCELED, "closed"));
	EXPECT_STREQ("told", events[2].timeline);
	EXPECT_EQ(fence_time(fds[2]), events[2].time);
}

/* A CREATE that fails after it has created its fences unwinds them. */
TEST_F(trace_status, refused_create)
{
	struct traced_status *events = self->events;
	long page = sysconf(_SC_PAGESIZE);
	struct fence_exporter_create *create;
	int fds[2];

	create = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, create);
	create->fds = (unsigned long)fds;
	create->count = 2;
	/* The kernel can't write the number of the first fence. */
	ASSERT_EQ(0, mprotect(create, page, PROT_READ));
	ASSERT_EQ(-EFAULT, call(self->tl, FENCE_EXPORTER_IOC_CREATE, create));
	ASSERT_EQ(2, trace_read_statuses(NATIVE, events, MOST));
	EXPECT_TRUE(tells(&events[0], 1, -ECANCELED, "unwound"));
	EXPECT_TRUE(tells(&events[1], 2, -ECANCELED, "unwound"));
}

TEST_F(trace_status, jobs)
{
	static const int statuses[] = { 0, -EIO, -ECANCELED, -ETIMEDOUT };
	static const char * const causes[] = { "done", "done", "cancelled", "timed_out" };
	int engine = timeline_new("engine", 10 * SHORT, FENCE_EXPORTER_SETUP_ENGINE);
	struct traced_status *events = self->events;
	int fds[4];
	int i;

	ASSERT_LE(0, engine);
	fds[0] = fence_submit(engine, SHORT, -1, 0);
	fds[1] = fence_submit(engine, SHORT, -1, -EIO);
	ASSERT_EQ(1, fence_wait(fds[1], LONG_MS));
	/* If the in-fence of a job is cancelled, the job is cancelled, too. */
	fds[2] = fence_submit(engine, SHORT, fence_create(self->tl), 0);
	ASSERT_EQ(1, fence_signal(self->tl, 1, -ECANCELED));
	ASSERT_EQ(1, fence_wait(fds[2], LONG_MS));
	fds[3] = fence_submit(engine, 11 * SHORT, -1, 0);
	ASSERT_EQ(1, fence_wait(fds[3], LONG_MS));
	ASSERT_EQ(5, trace_read_statuses(NATIVE, events, MOST));
	/* The third event belongs to the in-fence. */
	EXPECT_STREQ("told", events[2].timeline);
	EXPECT_TRUE(tells(&events[2], 1, -ECANCELED, "done"));
	for (i = 0; i < 4; i++) {
		const struct traced_status *event = &events[i < 2 ? i : i + 1];

		EXPECT_STREQ("engine", event->timeline);
		EXPECT_TRUE(tells(event, i + 1, statuses[i], causes[i]));
		EXPECT_EQ(fence_time(fds[i]), event->time);
	}
}

TEST_F(trace_status, deadlines)
{
	__s64 soon = now_ns() + NSEC_PER_SEC;
	struct traced_status *events = self->events;
	int fd = fence_create(self->tl);
	int i;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, fence_set_deadline(fd, soon));
	/* Each deadline is traced, even if it is not the earliest. */
	ASSERT_EQ(0, fence_set_deadline(fd, soon + 1));
	ASSERT_EQ(0, fence_set_deadline(fd, 0));
	/* A deadline of S64_MAX or later means no deadline. */
	ASSERT_EQ(0, fence_set_deadline(fd, INT64_MAX));
	ASSERT_EQ(0, fence_set_deadline(fd, UINT64_MAX));
	ASSERT_EQ(1, fence_signal(self->tl, 1, 0));
	/* This deadline comes after the fence has signaled, so it is not traced. */
	ASSERT_EQ(0, fence_set_deadline(fd, soon));
	ASSERT_EQ(4, trace_read_statuses(NATIVE, events, MOST));
	for (i = 0; i < 3; i++) {
		EXPECT_STREQ("deadline", events[i].name);
		EXPECT_STREQ("told", events[i].timeline);
		EXPECT_EQ(1, events[i].seqno);
		EXPECT_EQ(timeline_state(self->tl).context, events[i].context);
	}
	EXPECT_EQ(soon, events[0].time);
	EXPECT_EQ(soon + 1, events[1].time);
	EXPECT_EQ(0, events[2].time);
	EXPECT_TRUE(tells(&events[3], 1, 0, "done"));
}

/* Sequence numbers beyond 32 bits are traced completely. The core's events truncate them. */
TEST_F(trace_status, sw_sync)
{
	int tl = sw_sync_open(SW_SYNC_DEVICE);
	struct traced_status *events = self->events;
	__u64 deadline = now_ns() + NSEC_PER_SEC;
	int first, reached, later;

	ASSERT_LE(0, tl);
	first = sw_sync_create(tl, 1);
	ASSERT_EQ(0, fence_set_deadline(first, deadline));
	ASSERT_EQ(0, sw_sync_inc(tl, 1));
	reached = sw_sync_create(tl, 1);
	ASSERT_EQ(0, sw_sync_inc(tl, UINT32_MAX));
	later = sw_sync_create(tl, 7);
	ASSERT_EQ(0, close(tl));
	ASSERT_EQ(4, trace_read_statuses(SW_SYNC, events, MOST));
	EXPECT_STREQ("deadline", events[0].name);
	EXPECT_EQ(1, events[0].seqno);
	EXPECT_EQ(deadline, events[0].time);
	EXPECT_TRUE(tells(&events[1], 1, 0, "done"));
	EXPECT_TRUE(tells(&events[2], 1, 0, "done"));
	EXPECT_TRUE(tells(&events[3], (1ULL << 32) + 7, -ENOENT, "closed"));
	EXPECT_EQ(fence_time(first), events[1].time);
	EXPECT_EQ(fence_time(reached), events[2].time);
	EXPECT_EQ(fence_time(later), events[3].time);
}

/* Fences without a descriptor are pruned when the next fence is created. */
TEST_F(trace_status, pruned)
{
	enum { PRUNE_FROM = 64 };
	int tl = sw_sync_open(SW_SYNC_DEVICE);
	struct traced_status *events = self->events;
	int i;

	ASSERT_LE(0, tl);
	for (i = 1; i <= PRUNE_FROM; i++)
		ASSERT_EQ(0, close(sw_sync_create(tl, i)));
	ASSERT_EQ(0, trace_read_statuses(SW_SYNC, events, MOST));
	ASSERT_LE(0, sw_sync_create(tl, i));
	ASSERT_EQ(PRUNE_FROM, trace_read_statuses(SW_SYNC, events, MOST));
	for (i = 0; i < PRUNE_FROM; i++)
		EXPECT_TRUE(tells(&events[i], i + 1, -ECANCELED, "unwound"));
}

TEST_HARNESS_MAIN

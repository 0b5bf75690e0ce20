// SPDX-License-Identifier: GPL-2.0
/*
 * The dma_fence events, from which Perfetto draws timelines: one track for a name
 * and context, first in first out, from emit to signaled.
 */
#include <fcntl.h>
#include <sys/mount.h>

#include "fence.h"
#include "kselftest_harness.h"

#define TRACEFS	"/sys/kernel/tracing/"
#define EVENTS	TRACEFS "events/dma_fence/"
#define COUNT	20
/* As a line of the trace shows one: the event, and the number of the fence. */
#define EVENT	": dma_fence_%31[a-z_]: "
#define FENCE	"driver=fence_exporter timeline=drawn context=%u seqno=%u"

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	ssize_t ret;

	if (fd < 0)
		return -errno;
	ret = write(fd, text, strlen(text));
	ret = ret < 0 ? -errno : 0;
	close(fd);
	return ret;
}

FIXTURE(trace)
{
	int tl;
};

FIXTURE_SETUP(trace)
{
	if (access(EVENTS, F_OK))
		mount("none", TRACEFS, "tracefs", 0, NULL);
	if (access(EVENTS, F_OK))
		SKIP(return, "this kernel traces no fences");
	ASSERT_EQ(0, write_file(TRACEFS "trace", ""));
	ASSERT_EQ(0, write_file(EVENTS "enable", "1"));
	self->tl = timeline_new("drawn", 0, 0);
	ASSERT_LE(0, self->tl);
}

FIXTURE_TEARDOWN(trace)
{
	close(self->tl);
	write_file(EVENTS "enable", "0");
}

/* An event of a fence of the timeline "drawn". */
struct traced {
	char name[32];
	unsigned int context;
	unsigned int seqno;
};

static int read_trace(struct traced *events, int most)
{
	FILE *file = fopen(TRACEFS "trace", "re");
	char line[512];
	int count = 0;

	if (!file)
		return -errno;
	while (count < most && fgets(line, sizeof(line), file)) {
		struct traced *event = &events[count];
		char *text = strstr(line, ": dma_fence_");

		if (!text)
			continue;
		if (sscanf(text, EVENT FENCE, event->name, &event->context,
			   &event->seqno) == 3)
			count++;
	}
	fclose(file);
	return count;
}

/* The place of an event in the trace, or -1. */
static int find(const struct traced *events, int count, const char *name,
		unsigned int seqno)
{
	int i;

	for (i = 0; i < count; i++) {
		if (!strcmp(events[i].name, name) && events[i].seqno == seqno)
			return i;
	}
	return -1;
}

static int count_of(const struct traced *events, int count, const char *name)
{
	int found = 0;
	int i;

	for (i = 0; i < count; i++)
		found += !strcmp(events[i].name, name);
	return found;
}

TEST_F(trace, a_fence_from_init_to_signaled)
{
	unsigned int context = timeline_state(self->tl).context;
	struct traced events[64];
	int fd = fence_create(self->tl);
	int init, emit, enable, signaled, count, i;

	EXPECT_EQ(0, fence_wait(fd, 0));
	EXPECT_EQ(1, fence_signal(self->tl, 1, 0));
	count = read_trace(events, ARRAY_SIZE(events));
	init = find(events, count, "init", 1);
	emit = find(events, count, "emit", 1);
	enable = find(events, count, "enable_signal", 1);
	signaled = find(events, count, "signaled", 1);
	EXPECT_LE(0, init);
	EXPECT_LT(init, emit);
	EXPECT_LT(emit, enable);
	EXPECT_LT(enable, signaled);
	for (i = 0; i < count; i++)
		EXPECT_EQ(context, events[i].context);
}

TEST_F(trace, in_order)
{
	struct traced events[COUNT * 8];
	int fds[COUNT];
	unsigned int seqno;
	int count;

	ASSERT_EQ(1, fence_create_many(self->tl, fds, COUNT));
	ASSERT_EQ(COUNT, fence_signal(self->tl, COUNT, 0));
	count = read_trace(events, ARRAY_SIZE(events));
	EXPECT_EQ(COUNT, count_of(events, count, "emit"));
	EXPECT_EQ(COUNT, count_of(events, count, "signaled"));
	for (seqno = 1; seqno < COUNT; seqno++) {
		EXPECT_LT(find(events, count, "emit", seqno),
			  find(events, count, "emit", seqno + 1));
		EXPECT_LT(find(events, count, "signaled", seqno),
			  find(events, count, "signaled", seqno + 1));
	}
}

/* A CREATE that is refused draws nothing that would never end. */
TEST_F(trace, refused_create)
{
	struct traced events[64];
	int count;

	EXPECT_EQ(-EFAULT, fence_create_many(self->tl, NULL, 4));
	EXPECT_LE(0, fence_create(self->tl));
	EXPECT_EQ(1, fence_signal(self->tl, 1, 0));
	count = read_trace(events, ARRAY_SIZE(events));
	EXPECT_EQ(1, count_of(events, count, "emit"));
}

/* Closed with fences pending: their tracks end too. */
TEST_F(trace, close)
{
	struct traced events[COUNT * 8];
	int fds[COUNT];
	int count;

	ASSERT_EQ(1, fence_create_many(self->tl, fds, COUNT));
	close(self->tl);
	self->tl = -1;
	count = read_trace(events, ARRAY_SIZE(events));
	EXPECT_EQ(COUNT, count_of(events, count, "emit"));
	EXPECT_EQ(COUNT, count_of(events, count, "signaled"));
}

/* Two timelines of one name are two tracks: their contexts differ. */
TEST_F(trace, one_name_twice)
{
	int other = timeline_new("drawn", 0, 0);
	struct traced events[64];
	int count;

	ASSERT_LE(0, fence_create(self->tl));
	ASSERT_LE(0, fence_create(other));
	count = read_trace(events, ARRAY_SIZE(events));
	ASSERT_EQ(2, count_of(events, count, "emit"));
	EXPECT_NE(events[0].context, events[count - 1].context);
}

TEST_HARNESS_MAIN

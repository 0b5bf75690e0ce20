// SPDX-License-Identifier: GPL-2.0
/* INFO and fdinfo: the settings and the counts of a timeline. */
#include <pthread.h>
#include <stdint.h>
#include <sys/mman.h>

#include "fence.h"
#include "harness.h"

#define TIMEOUT_NS	(2 * NSEC_PER_SEC)

FIXTURE(info)
{
	int tl;
};

FIXTURE_SETUP(info)
{
	self->tl = timeline_new("watched", TIMEOUT_NS, 0);
	ASSERT_LE(0, self->tl);
}

FIXTURE_TEARDOWN(info)
{
	close(self->tl);
}

TEST_F(info, of_a_new_timeline)
{
	struct fence_exporter_info info;

	/* The bytes are set to 0xaa first, to show that INFO writes every one of them. */
	memset(&info, 0xaa, sizeof(info));
	ASSERT_EQ(0, call(self->tl, FENCE_EXPORTER_IOC_INFO, &info));
	EXPECT_STREQ("watched", info.name);
	EXPECT_EQ(0, info.name[sizeof(info.name) - 1]);
	EXPECT_NE(0, info.context);
	EXPECT_EQ(0, info.last_seqno);
	EXPECT_EQ(0, info.signaled_seqno);
	EXPECT_EQ(0, info.pending);
	EXPECT_EQ(0, info.signaled);
	EXPECT_EQ(0, info.timed_out);
	EXPECT_EQ(0, info.cancelled);
	EXPECT_EQ(0, info.deadline_ns);
	EXPECT_EQ(TIMEOUT_NS, info.timeout_ns);
	EXPECT_EQ(0, info.flags);
	EXPECT_EQ(0, info.event_mask);
	EXPECT_EQ(0, info.failed);
	EXPECT_EQ(0, info.failed_seqno);
	EXPECT_EQ(0, info.failed_status);
	EXPECT_EQ(0, info.reserved);
}

TEST_F(info, counts)
{
	struct fence_exporter_info info;
	int fds[20];

	ASSERT_EQ(1, fence_create_many(self->tl, fds, 20));
	ASSERT_EQ(5, fence_signal(self->tl, 5, 0));
	ASSERT_EQ(3, fence_signal(self->tl, 8, -EIO));
	info = timeline_state(self->tl);
	EXPECT_EQ(20, info.last_seqno);
	EXPECT_EQ(8, info.signaled_seqno);
	EXPECT_EQ(12, info.pending);
	EXPECT_EQ(8, info.signaled);
	EXPECT_EQ(0, info.timed_out);

	EXPECT_EQ(1, fence_wait(fds[19], LONG_MS));
	info = timeline_state(self->tl);
	EXPECT_EQ(20, info.signaled_seqno);
	EXPECT_EQ(0, info.pending);
	EXPECT_EQ(8, info.signaled);
	EXPECT_EQ(12, info.timed_out);
	EXPECT_EQ(0, info.cancelled);
}

/* Returns whether INFO says that @failed fences have failed, and that the last one is @seqno. */
static bool has_failed(int tl, __u64 failed, __u64 seqno, int status)
{
	struct fence_exporter_info info = timeline_state(tl);

	if (info.failed == failed && info.failed_seqno == seqno && info.failed_status == status &&
	    !info.reserved)
		return true;
	fprintf(stderr, "# %llu failed, the last one is %llu with %d\n", info.failed,
		info.failed_seqno, info.failed_status);
	return false;
}

/* Fences that complete with an error are counted, and the last one is named. */
TEST_F(info, failed)
{
	/* None of these fences times out. */
	int tl = timeline_new("failed", module_limits().max_timeout_ns, 0);
	int fds[12];

	ASSERT_EQ(1, fence_create_many(tl, fds, ARRAY_SIZE(fds)));
	ASSERT_EQ(3, fence_signal(tl, 3, 0));
	EXPECT_TRUE(has_failed(tl, 0, 0, 0));
	ASSERT_EQ(4, fence_signal(tl, 7, -EIO));
	EXPECT_TRUE(has_failed(tl, 4, 7, -EIO));
	/* A fence that succeeds does not reset what is known of those before it. */
	ASSERT_EQ(1, fence_signal(tl, 8, 0));
	EXPECT_TRUE(has_failed(tl, 4, 7, -EIO));
	/* Fences that have signaled keep their status. */
	ASSERT_EQ(0, fence_signal(tl, 8, -EPIPE));
	EXPECT_TRUE(has_failed(tl, 4, 7, -EIO));
	/* The lowest status. */
	ASSERT_EQ(1, fence_signal(tl, 9, -4095));
	EXPECT_TRUE(has_failed(tl, 5, 9, -4095));
	/* SIGNAL_AT signals in the call if its time is past, and by the timer if it is not. */
	ASSERT_EQ(0, fence_signal_at(tl, 10, 1, -ENOSPC));
	EXPECT_TRUE(has_failed(tl, 6, 10, -ENOSPC));
	ASSERT_EQ(0, fence_signal_at(tl, 12, now_ns() + NSEC_PER_MSEC, -EPIPE));
	ASSERT_EQ(1, fence_wait(fds[11], LONG_MS));
	EXPECT_TRUE(has_failed(tl, 8, 12, -EPIPE));
	EXPECT_EQ(12, timeline_state(tl).signaled);
}

TEST_F(info, failed_by_timeouts)
{
	int tl = timeline_new("hasty", NSEC_PER_MSEC, 0);
	int fds[20];

	ASSERT_EQ(1, fence_create_many(tl, fds, ARRAY_SIZE(fds)));
	ASSERT_EQ(1, fence_wait(fds[19], LONG_MS));
	EXPECT_TRUE(has_failed(tl, 20, 20, -ETIMEDOUT));
	EXPECT_EQ(20, timeline_state(tl).timed_out);
}

/* The fences of jobs, with an error of their own, of an in-fence, and of a cancelled one. */
TEST_F(info, failed_jobs)
{
	__u64 longest = module_limits().max_timeout_ns;
	int engine = timeline_new("engine", longest, FENCE_EXPORTER_SETUP_ENGINE);
	int hasty = timeline_new("hasty", NSEC_PER_MSEC, FENCE_EXPORTER_SETUP_ENGINE);
	int source = timeline_new("source", longest, 0);
	int in_fence = fence_create(source);
	int fd;

	ASSERT_EQ(1, fence_wait(fence_submit(engine, 0, -1, 0), LONG_MS));
	EXPECT_TRUE(has_failed(engine, 0, 0, 0));
	ASSERT_EQ(1, fence_wait(fence_submit(engine, 0, -1, -EIO), LONG_MS));
	EXPECT_TRUE(has_failed(engine, 1, 2, -EIO));
	fd = fence_submit(engine, 0, in_fence, 0);
	ASSERT_EQ(1, fence_signal(source, 1, -EPIPE));
	ASSERT_EQ(1, fence_wait(fd, LONG_MS));
	EXPECT_TRUE(has_failed(engine, 2, 3, -EPIPE));
	EXPECT_TRUE(has_failed(source, 1, 1, -EPIPE));
	fd = fence_submit(engine, 0, fence_create(source), 0);
	close(source);
	ASSERT_EQ(1, fence_wait(fd, LONG_MS));
	EXPECT_TRUE(has_failed(engine, 3, 4, -ECANCELED));
	EXPECT_EQ(1, timeline_state(engine).cancelled);
	ASSERT_EQ(1, fence_wait(fence_submit(hasty, ~0ULL, -1, 0), LONG_MS));
	EXPECT_TRUE(has_failed(hasty, 1, 1, -ETIMEDOUT));
}

/* A CREATE that fails takes its fences back with -ECANCELED. They do not count. */
TEST_F(info, failed_without_fences_that_were_taken_back)
{
	struct fence_exporter_create *create;
	long page = sysconf(_SC_PAGESIZE);
	unsigned char *map = mmap(NULL, page, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fds[2];

	ASSERT_NE(MAP_FAILED, map);
	create = (void *)map;
	create->fds = (unsigned long)fds;
	create->count = 2;
	ASSERT_EQ(0, mprotect(map, page, PROT_READ));
	ASSERT_EQ(-EFAULT, call(self->tl, FENCE_EXPORTER_IOC_CREATE, create));
	EXPECT_TRUE(has_failed(self->tl, 0, 0, 0));
}

#define BREAKERS		4
#define FAILED_EACH	500
#define FAILED_FENCES	(BREAKERS * FAILED_EACH)

struct breaker {
	pthread_t thread;
	unsigned int number;
	int tl;
	__u64 signaled;
	const char *wrong;
};

/*
 * Signals up to each number in turn, with a status of its own; the last thread signals without an
 * error. Checks what INFO says in between.
 */
static void *fail_fences(void *arg)
{
	struct breaker *self = arg;
	int status = self->number == BREAKERS - 1 ? 0 : -(int)(1 + self->number);
	struct fence_exporter_info before = {}, info;
	__u64 seqno;

	for (seqno = 1 + self->number; seqno <= FAILED_FENCES; seqno += 1 + self->number) {
		__s64 ret = fence_signal(self->tl, seqno, status);

		if (ret < 0)
			self->wrong = "SIGNAL failed";
		else
			self->signaled += ret;
		timeline_info(self->tl, &info);
		if (info.failed > info.signaled + info.timed_out ||
		    info.failed_seqno > info.signaled_seqno)
			self->wrong = "a failed fence has not completed";
		if (info.failed < before.failed || info.failed_seqno < before.failed_seqno)
			self->wrong = "less than before";
		if (info.failed > info.failed_seqno)
			self->wrong = "more fences failed than there are up to the last one";
		if (!info.failed != !info.failed_seqno || !info.failed != !info.failed_status)
			self->wrong = "a failed fence without a number or a status";
		if (status && info.failed < self->signaled)
			self->wrong = "a fence that this thread has failed is not counted yet";
		before = info;
	}
	return NULL;
}

/* Threads fail fences side by side: each fence is counted once. */
TEST_F(info, failed_side_by_side)
{
	struct breaker breakers[BREAKERS] = {};
	__u64 failed = 0, last = 0, signaled = 0;
	int fds[FAILED_FENCES];
	int last_status = 0;
	int tl, i;

	ASSERT_EQ(0, allow_fds(FAILED_FENCES + 64));
	/* No fence may time out meanwhile. */
	tl = timeline_new("side by side", module_limits().max_timeout_ns, 0);
	ASSERT_LE(0, tl);
	for (i = 0; i < FAILED_FENCES; i += 50)
		ASSERT_EQ(i + 1, fence_create_many(tl, &fds[i], 50));
	for (i = 0; i < BREAKERS; i++) {
		breakers[i].tl = tl;
		breakers[i].number = i;
		ASSERT_EQ(0, pthread_create(&breakers[i].thread, NULL, fail_fences, &breakers[i]));
	}
	for (i = 0; i < BREAKERS; i++) {
		pthread_join(breakers[i].thread, NULL);
		EXPECT_EQ(NULL, breakers[i].wrong) {
			TH_LOG("thread %d: %s", i, breakers[i].wrong);
		}
		signaled += breakers[i].signaled;
	}
	for (i = 0; i < FAILED_FENCES; i++) {
		int status = fence_status(fds[i]);

		ASSERT_NE(0, status);
		if (status < 0) {
			failed++;
			last = i + 1;
			last_status = status;
		}
	}
	EXPECT_TRUE(has_failed(tl, failed, last, last_status));
	EXPECT_EQ(FAILED_FENCES, signaled + timeline_state(tl).timed_out);
}

static bool read_fdinfo(int fd, const char *key, char *value, size_t size)
{
	size_t length = strlen(key);
	bool found = false;
	char path[64];
	char line[256];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	file = fopen(path, "re");
	while (file && !found && fgets(line, sizeof(line), file)) {
		if (strncmp(line, key, length) || strncmp(line + length, ":\t", 2))
			continue;
		snprintf(value, size, "%.*s",
			 (int)strcspn(line + length + 2, "\n"), line + length + 2);
		found = true;
	}
	if (file)
		fclose(file);
	if (!found)
		snprintf(value, size, "(no line \"%s\")", key);
	return found;
}

/* Returns whether both INFO and fdinfo say that there is no deadline. */
static bool has_no_deadline(int tl)
{
	struct fence_exporter_info info = timeline_state(tl);
	char text[64];

	return read_fdinfo(tl, "deadline-ns", text, sizeof(text)) && !strcmp(text, "none") &&
	       !(info.flags & FENCE_EXPORTER_INFO_DEADLINE) && !info.deadline_ns;
}

TEST_F(info, earliest_deadline)
{
	__u64 now = now_ns();
	int fds[3];

	ASSERT_EQ(1, fence_create_many(self->tl, fds, 3));
	EXPECT_TRUE(has_no_deadline(self->tl));
	ASSERT_EQ(0, fence_set_deadline(fds[1], now + 5 * NSEC_PER_SEC));
	EXPECT_EQ(now + 5 * NSEC_PER_SEC, timeline_state(self->tl).deadline_ns);
	ASSERT_EQ(0, fence_set_deadline(fds[0], now + 3 * NSEC_PER_SEC));
	EXPECT_EQ(now + 3 * NSEC_PER_SEC, timeline_state(self->tl).deadline_ns);
	/* A later deadline does not replace an earlier one. */
	ASSERT_EQ(0, fence_set_deadline(fds[0], now + 9 * NSEC_PER_SEC));
	ASSERT_EQ(0, fence_set_deadline(fds[2], now + 4 * NSEC_PER_SEC));
	EXPECT_EQ(now + 3 * NSEC_PER_SEC, timeline_state(self->tl).deadline_ns);

	/* Only deadlines of pending fences count. */
	ASSERT_EQ(1, fence_signal(self->tl, 1, 0));
	EXPECT_EQ(now + 4 * NSEC_PER_SEC, timeline_state(self->tl).deadline_ns);
	EXPECT_TRUE(timeline_state(self->tl).flags & FENCE_EXPORTER_INFO_DEADLINE);
	ASSERT_EQ(2, fence_signal(self->tl, 3, 0));
	EXPECT_TRUE(has_no_deadline(self->tl));
	EXPECT_EQ(0, fence_set_deadline(fds[0], now));
	EXPECT_TRUE(has_no_deadline(self->tl));
}

/* 0 is a valid deadline, and the earliest one. */
TEST_F(info, deadline_of_0)
{
	struct fence_exporter_info info;
	char text[64];
	int fds[2];

	ASSERT_EQ(1, fence_create_many(self->tl, fds, 2));
	ASSERT_EQ(0, fence_set_deadline(fds[0], 0));
	ASSERT_EQ(0, fence_set_deadline(fds[1], now_ns()));
	info = timeline_state(self->tl);
	EXPECT_EQ(FENCE_EXPORTER_INFO_DEADLINE, info.flags);
	EXPECT_EQ(0, info.deadline_ns);
	EXPECT_TRUE(read_fdinfo(self->tl, "deadline-ns", text, sizeof(text)));
	EXPECT_STREQ("0", text);
	ASSERT_EQ(2, fence_signal(self->tl, 2, 0));
	EXPECT_TRUE(has_no_deadline(self->tl));
}

/* A deadline of S64_MAX or later means no deadline, and does not hide a valid one. */
TEST_F(info, deadlines_at_the_end_of_time)
{
	static const __u64 ends[] = { INT64_MAX, INT64_MAX + 1ULL, UINT64_MAX };
	__u64 deadline = now_ns() + NSEC_PER_SEC;
	int fds[ARRAY_SIZE(ends)];
	int i;

	ASSERT_EQ(1, fence_create_many(self->tl, fds, ARRAY_SIZE(fds)));
	for (i = 0; i < ARRAY_SIZE(fds); i++) {
		ASSERT_EQ(0, fence_set_deadline(fds[i], ends[i]));
		EXPECT_TRUE(has_no_deadline(self->tl));
	}
	ASSERT_EQ(0, fence_set_deadline(fds[2], INT64_MAX - 1));
	EXPECT_EQ(INT64_MAX - 1, timeline_state(self->tl).deadline_ns);
	ASSERT_EQ(0, fence_set_deadline(fds[1], deadline));
	for (i = 0; i < ARRAY_SIZE(fds); i++) {
		ASSERT_EQ(0, fence_set_deadline(fds[1], ends[i]));
		EXPECT_EQ(deadline, timeline_state(self->tl).deadline_ns);
	}
}

TEST_F(info, deadline_through_a_merge)
{
	int other = timeline_open();
	__u64 deadline = now_ns() + NSEC_PER_SEC;
	int merged;

	ASSERT_LE(0, other);
	merged = fence_merge(fence_create(self->tl), fence_create(other));
	ASSERT_LE(0, merged);
	ASSERT_EQ(0, fence_set_deadline(merged, deadline));
	EXPECT_EQ(deadline, timeline_state(self->tl).deadline_ns);
	EXPECT_EQ(deadline, timeline_state(other).deadline_ns);
}

static unsigned long long fdinfo_number(int fd, const char *key)
{
	char value[64];

	if (!read_fdinfo(fd, key, value, sizeof(value)))
		return ~0ULL - 1;
	return strtoull(value, NULL, 0);
}

TEST_F(info, fdinfo_says_the_same)
{
	struct fence_exporter_info info;
	char name[64];
	int fds[10];
	int round;

	for (round = 0; round < 2; round++) {
		ASSERT_LE(1, fence_create_many(self->tl, fds, 10));
		ASSERT_EQ(0, fence_set_deadline(fds[9], now_ns()));
		ASSERT_LE(0, fence_signal(self->tl, 3 + 4 * round, -EIO));
		info = timeline_state(self->tl);
		read_fdinfo(self->tl, "timeline-name", name, sizeof(name));
		EXPECT_STREQ(info.name, name);
		EXPECT_EQ(info.context, fdinfo_number(self->tl, "context"));
		EXPECT_EQ(info.last_seqno, fdinfo_number(self->tl, "last-seqno"));
		EXPECT_EQ(info.signaled_seqno,
			  fdinfo_number(self->tl, "signaled-seqno"));
		EXPECT_EQ(info.pending, fdinfo_number(self->tl, "pending"));
		EXPECT_EQ(info.signaled, fdinfo_number(self->tl, "signaled"));
		EXPECT_EQ(info.timed_out, fdinfo_number(self->tl, "timed-out"));
		EXPECT_EQ(info.cancelled, fdinfo_number(self->tl, "cancelled"));
		if (info.flags & FENCE_EXPORTER_INFO_DEADLINE) {
			EXPECT_EQ(info.deadline_ns,
				  fdinfo_number(self->tl, "deadline-ns"));
		} else {
			EXPECT_TRUE(has_no_deadline(self->tl));
		}
		EXPECT_EQ(info.timeout_ns, fdinfo_number(self->tl, "timeout-ns"));
		/*
		 * In fdinfo, "flags" are the flags of the open file. So the timeline's flags have
		 * another name.
		 */
		EXPECT_EQ(info.flags, fdinfo_number(self->tl, "timeline-flags"));
		EXPECT_EQ(info.failed, fdinfo_number(self->tl, "failed"));
		EXPECT_EQ(info.failed_seqno, fdinfo_number(self->tl, "failed-seqno"));
		EXPECT_EQ((__u64)(__s64)info.failed_status,
			  fdinfo_number(self->tl, "failed-status"));
		/* In the second round, some fences have timed out, too. */
		if (!round)
			ASSERT_EQ(1, fence_wait(fds[9], LONG_MS));
	}
	EXPECT_EQ(7, info.timed_out);
}

TEST_F(info, fdinfo_of_another_process)
{
	char command[64];
	int status;
	pid_t child = fork();

	ASSERT_LE(0, child);
	if (!child) {
		FILE *file;

		snprintf(command, sizeof(command), "/proc/%d/fdinfo/%d",
			 getppid(), self->tl);
		file = fopen(command, "re");
		if (!file)
			_exit(1);
		while (fgets(command, sizeof(command), file)) {
			if (!strcmp(command, "timeline-name:\twatched\n"))
				_exit(0);
		}
		_exit(2);
	}
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, WEXITSTATUS(status));
}

TEST_HARNESS_MAIN

// SPDX-License-Identifier: GPL-2.0
/*
 * What a caller may get wrong: each answers a plain errno, changes nothing and
 * leaks nothing. (Sizes: test_struct_size; counts and numbers: with their calls.)
 */
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "fence.h"
#include "kselftest_harness.h"

static const struct {
	const char *name;
	unsigned long request;
} calls[] = {
	{ "SETUP", FENCE_EXPORTER_IOC_SETUP },
	{ "CREATE", FENCE_EXPORTER_IOC_CREATE },
	{ "SIGNAL", FENCE_EXPORTER_IOC_SIGNAL },
	{ "SIGNAL_AT", FENCE_EXPORTER_IOC_SIGNAL_AT },
	{ "SUBMIT", FENCE_EXPORTER_IOC_SUBMIT },
	{ "INFO", FENCE_EXPORTER_IOC_INFO },
};

FIXTURE(misuse)
{
	struct snapshot before;
	int fds[4];
	int tl;
};

FIXTURE_SETUP(misuse)
{
	self->tl = timeline_open();
	ASSERT_LE(0, self->tl);
	ASSERT_EQ(1, fence_create_many(self->tl, self->fds, 4));
	self->before = snapshot(self->tl);
}

FIXTURE_TEARDOWN(misuse)
{
	close(self->tl);
}

TEST_F(misuse, bad_pointers)
{
	void *bad[] = {
		NULL, (void *)1, (void *)(LONG_MAX & ~7L), (void *)-1L,
		(void *)-4096L,
	};
	unsigned int i, k;

	for (i = 0; i < ARRAY_SIZE(calls); i++) {
		for (k = 0; k < ARRAY_SIZE(bad); k++) {
			EXPECT_EQ(-EFAULT, call(self->tl, calls[i].request,
						bad[k])) {
				TH_LOG("%s at %p", calls[i].name, bad[k]);
			}
		}
	}
	EXPECT_TRUE(unchanged(self->tl, &self->before));
}

/* The structure ends where memory does, or one byte later. */
TEST_F(misuse, at_the_edge_of_memory)
{
	long page = sysconf(_SC_PAGESIZE);
	char *map = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned int i;

	ASSERT_NE(MAP_FAILED, map);
	ASSERT_EQ(0, munmap(map + page, page));
	for (i = 0; i < ARRAY_SIZE(calls); i++) {
		char *end = map + page - _IOC_SIZE(calls[i].request);

		EXPECT_EQ(-EFAULT, call(self->tl, calls[i].request, end + 1)) {
			TH_LOG("%s", calls[i].name);
		}
		EXPECT_NE(-EFAULT, call(self->tl, calls[i].request, end)) {
			TH_LOG("%s", calls[i].name);
		}
	}
}

TEST_F(misuse, answers_that_cannot_be_written)
{
	long page = sysconf(_SC_PAGESIZE);
	void *map = mmap(NULL, page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, map);
	EXPECT_EQ(-EFAULT, call(self->tl, FENCE_EXPORTER_IOC_INFO, map));
	EXPECT_TRUE(unchanged(self->tl, &self->before));
}

/* A job whose answer can't be written isn't queued. */
TEST_F(misuse, submit_answer_that_cannot_be_written)
{
	int engine = timeline_new("engine", 0, FENCE_EXPORTER_SETUP_ENGINE);
	long page = sysconf(_SC_PAGESIZE);
	struct snapshot before = snapshot(engine);
	struct fence_exporter_submit *job;

	job = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		   -1, 0);
	ASSERT_NE(MAP_FAILED, job);
	before = snapshot(engine);
	job->in_fence = -1;
	ASSERT_EQ(0, mprotect(job, page, PROT_READ));
	EXPECT_EQ(-EFAULT, call(engine, FENCE_EXPORTER_IOC_SUBMIT, job));
	EXPECT_TRUE(unchanged(engine, &before));
}

/* Calls of a timeline on what is none, and those of a sync_file on a timeline. */
TEST_F(misuse, wrong_kinds_of_descriptor)
{
	struct sync_merge_data merge = { .name = "m", .fd2 = self->tl };
	struct sync_file_info info = {};
	int others[] = {
		self->fds[0], eventfd(0, EFD_CLOEXEC),
		open("/dev/null", O_RDWR | O_CLOEXEC),
		open("/", O_RDONLY | O_CLOEXEC),
	};
	char zeroes[128] = {};
	unsigned int i, k;

	for (i = 0; i < ARRAY_SIZE(others); i++) {
		for (k = 0; k < ARRAY_SIZE(calls); k++)
			EXPECT_EQ(-ENOTTY, call(others[i], calls[k].request, zeroes));
	}
	EXPECT_EQ(-ENOTTY, call(self->tl, SYNC_IOC_FILE_INFO, &info));
	EXPECT_EQ(-ENOTTY, call(self->tl, SYNC_IOC_MERGE, &merge));
	EXPECT_EQ(-ENOENT, call(self->fds[0], SYNC_IOC_MERGE, &merge));
	EXPECT_EQ(-EBADF, call(-1, FENCE_EXPORTER_IOC_INFO, zeroes));
}

TEST_F(misuse, calls_of_files)
{
	char bytes[64];

	EXPECT_EQ(-1, write(self->tl, bytes, sizeof(bytes)));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(MAP_FAILED, mmap(NULL, 4096, PROT_READ, MAP_SHARED, self->tl, 0));
	EXPECT_EQ(ENODEV, errno);
	EXPECT_EQ(-1, ftruncate(self->tl, 0));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, pread(self->tl, bytes, sizeof(bytes), 1 << 20));
	EXPECT_TRUE(unchanged(self->tl, &self->before));
}

/* An O_PATH descriptor is none that calls can be made on. */
TEST_F(misuse, path_descriptor)
{
	int fd = open(FENCE_DEVICE, O_PATH | O_CLOEXEC);
	struct fence_exporter_info info;

	ASSERT_LE(0, fd);
	EXPECT_EQ(-EBADF, timeline_info(fd, &info));
}

/* How many lines of the kernel's log are about the module. */
static int lines_in_log(void)
{
	static char log[1 << 20];
	int length = klogctl(3, log, sizeof(log) - 1);
	int count = 0;
	char *line;

	if (length < 0)
		return -errno;
	log[length] = '\0';
	for (line = log; (line = strstr(line, "fence")); line++)
		count++;
	return count;
}

/* No caller can flood the log, whatever it does wrong. */
TEST_F(misuse, logs_nothing)
{
	int before = lines_in_log();
	char zeroes[128] = {};
	unsigned int i, k;
	int fd;

	ASSERT_LE(0, before);
	for (i = 0; i < 20; i++) {
		for (k = 0; k < ARRAY_SIZE(calls); k++) {
			call(self->tl, calls[k].request, NULL);
			call(self->tl, calls[k].request, zeroes);
			call(self->tl, calls[k].request + 1, zeroes);
		}
		fd = timeline_new("timed out", 1, 0);
		close(fence_create(fd));
		timeline_setup(fd, "unbound", 0, ~0U);
		fence_submit(fd, ~0ULL, fd, 1);
		close(fd);
	}
	EXPECT_EQ(before, lines_in_log());
}

#define HAMMERS		6
#define HAMMER_MS	2000

struct hammer {
	pthread_t thread;
	int tl;
	unsigned int seed;
	__u64 end;
	__u64 created;
	__u64 signalled;
	int error;
};

/* All calls in no order at all; what may fail then is only a bad number. */
static void *hammer(void *arg)
{
	struct hammer *self = arg;
	struct fence_exporter_info info;
	__s64 ret;
	int fds[8];
	int i, count;

	while (now_ns() < self->end && !self->error) {
		timeline_info(self->tl, &info);
		switch (rand_r(&self->seed) % 6) {
		case 0:
		case 1:
			count = rand_r(&self->seed) % 8 + 1;
			ret = fence_create_many(self->tl, fds, count);
			if (ret < 0) {
				self->error = ret == -EAGAIN ? 0 : ret;
				break;
			}
			self->created += count;
			for (i = 0; i < count; i++) {
				fence_wait(fds[i], 0);
				close(fds[i]);
			}
			break;
		case 2:
			ret = fence_signal(self->tl, info.last_seqno, 0);
			if (ret < 0)
				self->error = ret;
			else
				self->signalled += ret;
			break;
		case 3:
			ret = fence_signal(self->tl, info.signalled_seqno + 2, -EIO);
			if (ret < 0 && ret != -EINVAL)
				self->error = ret;
			else if (ret > 0)
				self->signalled += ret;
			break;
		case 4:
			if (timeline_setup(self->tl, "late", 0, 0) != -EBUSY)
				self->error = -EPROTO;
			break;
		default:
			if (info.pending > info.last_seqno ||
			    info.signalled_seqno > info.last_seqno)
				self->error = -ERANGE;
		}
	}
	return NULL;
}

TEST_F(misuse, many_threads_on_one_descriptor)
{
	struct hammer hammers[HAMMERS] = {};
	struct fence_exporter_info info;
	__u64 created = 4;
	__u64 signalled = 0;
	int i;

	for (i = 0; i < HAMMERS; i++) {
		hammers[i].tl = self->tl;
		hammers[i].seed = i + 1;
		hammers[i].end = now_ns() + HAMMER_MS * NSEC_PER_MSEC;
		ASSERT_EQ(0, pthread_create(&hammers[i].thread, NULL, hammer,
					    &hammers[i]));
	}
	for (i = 0; i < HAMMERS; i++) {
		pthread_join(hammers[i].thread, NULL);
		EXPECT_EQ(0, hammers[i].error);
		created += hammers[i].created;
		signalled += hammers[i].signalled;
	}
	info = timeline_state(self->tl);
	EXPECT_EQ(created, info.last_seqno);
	EXPECT_EQ(signalled, info.signalled);
	EXPECT_EQ(created, info.signalled + info.pending);
	EXPECT_EQ(info.signalled_seqno, info.signalled);
	EXPECT_EQ(self->before.fds, count_fds());
	/* And it still works. */
	EXPECT_EQ(info.pending, fence_signal(self->tl, info.last_seqno, 0));
	EXPECT_EQ(1, fence_wait(self->fds[3], 0));
}

struct closer {
	int tl;
	int ret;
};

static void *read_event(void *arg)
{
	struct closer *closer = arg;
	struct fence_exporter_event event;

	closer->ret = read(closer->tl, &event, sizeof(event));
	return NULL;
}

/* One thread reads events while another closes the descriptor under it. */
TEST_F(misuse, closed_while_read)
{
	struct closer closer = {
		.tl = timeline_new("events", 0, FENCE_EXPORTER_SETUP_EVENTS),
	};
	pthread_t thread;
	int fd = fence_create(closer.tl);

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, pthread_create(&thread, NULL, read_event, &closer));
	sleep_ms(50);
	ASSERT_EQ(0, close(closer.tl));
	/* The timeline stays until the read ends: with the event of a wait. */
	EXPECT_EQ(0, fence_status(fd));
	EXPECT_EQ(1, fence_wait(fd, LONG_MS));
	pthread_join(thread, NULL);
	EXPECT_EQ((int)sizeof(struct fence_exporter_event), closer.ret);
	EXPECT_EQ(-ECANCELED, fence_status(fd));
}

/* Another process gets a timeline, and works with it when its maker has gone. */
TEST_F(misuse, handed_to_another_process)
{
	struct fence_exporter_info info;
	int sockets[2];
	int status;
	pid_t child;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		int tl = receive_fd(sockets[1]);

		/* Inherited: closed, so that only the passed one is left. */
		close(self->tl);
		sleep_ms(50);
		if (timeline_info(tl, &info) || info.last_seqno != 4)
			_exit(1);
		if (fence_signal(tl, 2, 0) != 2)
			_exit(2);
		if (fence_create(tl) < 0)
			_exit(3);
		_exit(0);
	}
	info = timeline_state(self->tl);
	ASSERT_EQ(0, send_fd(sockets[0], self->tl));
	ASSERT_EQ(0, close(self->tl));
	self->tl = -1;
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, WEXITSTATUS(status));
	EXPECT_EQ(1, fence_status(self->fds[1]));
	/* The last descriptor went with the other process. */
	EXPECT_EQ(-ECANCELED, fence_status(self->fds[2]));
}

/* A descriptor that is under way in a socket keeps its timeline open. */
TEST_F(misuse, under_way_in_a_socket)
{
	int sockets[2];

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
	ASSERT_EQ(0, send_fd(sockets[0], self->tl));
	ASSERT_EQ(0, close(self->tl));
	self->tl = -1;
	EXPECT_EQ(0, fence_status(self->fds[0]));
	close(sockets[0]);
	close(sockets[1]);
	EXPECT_EQ(1, fence_wait(self->fds[0], LONG_MS));
	EXPECT_EQ(-ECANCELED, fence_status(self->fds[0]));
}

TEST_HARNESS_MAIN

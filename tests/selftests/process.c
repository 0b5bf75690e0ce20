// SPDX-License-Identifier: GPL-2.0
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/klog.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "process.h"

int call(int fd, unsigned long request, void *arg)
{
	int ret = ioctl(fd, request, arg);

	return ret < 0 ? -errno : ret;
}

int open_device(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int write_file(const char *path, const char *text)
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

unsigned int machine_pace(void)
{
	const char *text = getenv("FENCE_PACE");
	unsigned long pace = text ? strtoul(text, NULL, 10) : 0;

	return pace ? pace : 1;
}

int run_on(int cpu)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(cpu, &cpus);
	return sched_setaffinity(0, sizeof(cpus), &cpus) ? -errno : 0;
}

__u64 now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (__u64)now.tv_sec * NSEC_PER_SEC + now.tv_nsec;
}

void sleep_ms(unsigned int ms)
{
	struct timespec time = {
		.tv_sec = ms / 1000,
		.tv_nsec = ms % 1000 * (long)NSEC_PER_MSEC,
	};

	while (nanosleep(&time, &time) && errno == EINTR)
		;
}

/* Returns the thread's state as /proc shows it ('R' is running), or 0 if there is no thread. */
static char state_of(pid_t tid)
{
	char text[256] = {};
	char path[32];
	char *name_end;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	if (read(fd, text, sizeof(text) - 1) < 0)
		text[0] = 0;
	close(fd);
	/* The text has the form "PID (NAME) STATE ...". */
	name_end = strrchr(text, ')');
	return name_end && name_end[1] ? name_end[2] : 0;
}

static void nothing(int signal)
{
	(void)signal;
}

int catch_signal(int signal)
{
	struct sigaction action = { .sa_handler = nothing };

	return sigaction(signal, &action, NULL) ? -errno : 0;
}

int child_outcome(pid_t child, int signal, int ms)
{
	__u64 end = now_ns() + ms * NSEC_PER_MSEC;
	int status;

	do {
		if (signal)
			kill(child, signal);
		sleep_ms(5);
		if (waitpid(child, &status, WNOHANG) == child)
			return WIFEXITED(status) ? WEXITSTATUS(status) : CHILD_KILLED;
	} while (now_ns() < end);
	return CHILD_STUCK;
}

void wait_until_asleep(pid_t tid)
{
	while (state_of(tid) == 'R')
		sleep_ms(1);
}

int count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int count = 0;

	if (!dir)
		return -errno;
	while (readdir(dir))
		count++;
	closedir(dir);
	/* Leaves out ".", "..", and the descriptor of the directory itself. */
	return count - 3;
}

int count_in_log(const char *text)
{
	static char log[1 << 20];
	int length = klogctl(3, log, sizeof(log) - 1);
	int count = 0;
	char *at;

	if (length < 0)
		return -errno;
	log[length] = '\0';
	for (at = log; (at = strstr(at, text)); at++)
		count++;
	return count;
}

__u64 module_param(const char *name, __u64 fallback)
{
	const char *word = getenv("FENCE_PARAMS");
	size_t length = strlen(name);

	for (; word && *word; word += strcspn(word, " ")) {
		word += strspn(word, " ");
		if (!strncmp(word, name, length) && word[length] == '=')
			return strtoull(word + length + 1, NULL, 0);
	}
	return fallback;
}

int allow_fds(unsigned int count)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return -errno;
	if (limit.rlim_cur >= count)
		return 0;
	limit.rlim_cur = count;
	if (limit.rlim_max < count)
		limit.rlim_max = count;
	return setrlimit(RLIMIT_NOFILE, &limit) ? -errno : 0;
}

int mount_debugfs(void)
{
	if (!access("/sys/kernel/debug/sync", F_OK))
		return 0;
	return mount("debugfs", "/sys/kernel/debug", "debugfs", 0, NULL) ?
	       -errno : 0;
}

/* A message of one byte, with room for a descriptor. */
struct fd_message {
	struct msghdr head;
	struct iovec data;
	char byte;
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
};

static void fd_message_init(struct fd_message *message)
{
	memset(message, 0, sizeof(*message));
	message->data.iov_base = &message->byte;
	message->data.iov_len = 1;
	message->head.msg_iov = &message->data;
	message->head.msg_iovlen = 1;
	message->head.msg_control = &message->control;
	message->head.msg_controllen = sizeof(message->control);
}

int send_fd(int socket, int fd)
{
	struct fd_message message;
	struct cmsghdr *header;

	fd_message_init(&message);
	header = CMSG_FIRSTHDR(&message.head);
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	return sendmsg(socket, &message.head, 0) == 1 ? 0 : -errno;
}

int receive_fd(int socket)
{
	struct fd_message message;
	struct cmsghdr *header;
	int fd;

	fd_message_init(&message);
	if (recvmsg(socket, &message.head, MSG_CMSG_CLOEXEC) < 0)
		return -errno;
	header = CMSG_FIRSTHDR(&message.head);
	if (!header || header->cmsg_type != SCM_RIGHTS)
		return -EPROTO;
	memcpy(&fd, CMSG_DATA(header), sizeof(fd));
	return fd;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * The parts of Android's init and ueventd that a shell script can't do, and the programs that try
 * the rules of SELinux. Debian's toybox has no commands for SELinux, and no ueventd.
 *
 * android load_policy FILE     give the kernel a policy, in a single write
 * android run CONTEXT UID GIDS COMMAND...
 *                              run a command in a domain; GIDS is a list with commas
 * ueventd FILE...              make and remove nodes by ueventd.rc and file_contexts; begins with
 *                              the devices that exist, and prints a line when all have nodes
 * android calls NODE FIRST LAST
 *                              print the numbers of the ioctls that SELinux lets through
 * android label FILE...        print the labels of files
 * android lend NODE CONTEXT    make a fence, and let a process of another domain wait for it
 * android wait FD READY
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <linux/fence_exporter.h>
#include <linux/sync_file.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

static int fail(const char *what)
{
	fprintf(stderr, "android: %s: %s\n", what, strerror(errno));
	return 1;
}

/* Writes to a file of procfs or sysfs, which take everything in one call. */
static int write_file(const char *path, const void *data, size_t size)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int good = fd >= 0 && write(fd, data, size) == (ssize_t)size;

	if (fd >= 0)
		close(fd);
	return good ? 0 : -1;
}

static int load_policy(char **argv)
{
	static char policy[8 << 20];
	int fd = open(argv[0], O_RDONLY | O_CLOEXEC);
	ssize_t size, done = 0;

	if (fd < 0)
		return fail(argv[0]);
	while ((size = read(fd, policy + done, sizeof(policy) - done)) > 0)
		done += size;
	if (size < 0)
		return fail(argv[0]);
	return write_file("/sys/fs/selinux/load", policy, done) ? fail("the policy is refused") : 0;
}

/* The next program that this process executes runs in the domain. */
static int run(char **argv)
{
	gid_t groups[8];
	size_t count = 0;

	for (char *gid = strtok(argv[2], ","); gid && count < 8; gid = strtok(NULL, ","))
		groups[count++] = atoi(gid);
	if (!count || write_file("/proc/self/attr/exec", argv[0], strlen(argv[0])) ||
	    setgroups(count, groups) || setgid(groups[0]) || setuid(atoi(argv[1])))
		return fail(argv[0]);
	execvp(argv[3], argv + 3);
	return fail(argv[3]);
}

struct rule {
	char path[128];
	char label[128];
	unsigned int mode, uid, gid;
};

static struct rule rules[64];
static size_t rule_count;

static struct rule *rule_of(const char *path, int make)
{
	for (size_t i = 0; i < rule_count; i++)
		if (!strcmp(rules[i].path, path))
			return &rules[i];
	if (!make || rule_count == ARRAY_SIZE(rules))
		return NULL;
	rules[rule_count].mode = 0600;
	snprintf(rules[rule_count].path, sizeof(rules[0].path), "%s", path);
	return &rules[rule_count++];
}

/* Android has the numbers of users in its C library. */
static unsigned int id_of(const char *name)
{
	static const struct { const char *name; unsigned int id; } ids[] = {
		{ "root", 0 }, { "system", 1000 }, { "graphics", 1003 }, { "shell", 2000 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		if (!strcmp(ids[i].name, name))
			return ids[i].id;
	return 0;
}

/* A line of ueventd.rc has four words, and a line of file_contexts has two. */
static int read_rules(const char *path)
{
	char line[512], node[128], word[3][128];
	FILE *file = fopen(path, "re");

	if (!file)
		return fail(path);
	while (fgets(line, sizeof(line), file)) {
		int found = sscanf(line, "/dev/%120s %127s %127s %127s",
				   node, word[0], word[1], word[2]);
		char full[128];
		struct rule *rule;

		if (found != 2 && found != 4)
			continue;
		snprintf(full, sizeof(full), "/dev/%.120s", node);
		rule = rule_of(full, 1);
		if (!rule)
			continue;
		if (found == 2) {
			snprintf(rule->label, sizeof(rule->label), "%s", word[0]);
		} else {
			rule->mode = strtoul(word[0], NULL, 8);
			rule->uid = id_of(word[1]);
			rule->gid = id_of(word[2]);
		}
	}
	fclose(file);
	return 0;
}

/* Makes or removes a node. Nobody finds a node before its owner and its label are set. */
static void handle(char *event, ssize_t size)
{
	const char *action = "", *name = "", *subsystem = "";
	int major = -1, minor = -1;
	char path[256], fresh[280];
	struct rule *rule;

	for (char *word = event; word < event + size; word += strlen(word) + 1) {
		if (!strncmp(word, "ACTION=", 7))
			action = word + 7;
		else if (!strncmp(word, "DEVNAME=", 8))
			name = word + 8;
		else if (!strncmp(word, "SUBSYSTEM=", 10))
			subsystem = word + 10;
		else if (!strncmp(word, "MAJOR=", 6))
			major = atoi(word + 6);
		else if (!strncmp(word, "MINOR=", 6))
			minor = atoi(word + 6);
	}
	if (!*name || major < 0)
		return;
	snprintf(path, sizeof(path), "/dev/%.200s", name);
	if (!strcmp(action, "remove")) {
		unlink(path);
		return;
	}
	if (strcmp(action, "add"))
		return;
	for (char *slash = strchr(path + 5, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = 0;
		mkdir(path, 0755);
		*slash = '/';
	}
	rule = rule_of(path, 0);
	snprintf(fresh, sizeof(fresh), "%s.new", path);
	unlink(fresh);
	if (mknod(fresh, (strcmp(subsystem, "block") ? S_IFCHR : S_IFBLK) | 0600,
		  makedev(major, minor)))
		return;
	if (rule) {
		if (*rule->label)
			setxattr(fresh, "security.selinux", rule->label,
				 strlen(rule->label) + 1, 0);
		if (chown(fresh, rule->uid, rule->gid) || chmod(fresh, rule->mode))
			fail(fresh);
	}
	rename(fresh, path);
}

/* Asks the kernel to repeat the event of each device below. */
static void cold_boot(const char *path)
{
	DIR *directory = opendir(path);
	struct dirent *entry;
	char name[1024];

	while (directory && (entry = readdir(directory))) {
		if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
			continue;
		snprintf(name, sizeof(name), "%s/%s/dev", path, entry->d_name);
		if (!access(name, F_OK)) {
			snprintf(name, sizeof(name), "%s/%s/uevent", path, entry->d_name);
			write_file(name, "add", 3);
		}
		snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
		cold_boot(name);
	}
	if (directory)
		closedir(directory);
}

static int ueventd(char **argv)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = 1 };
	int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);
	int size = 16 << 20, booted = 0;
	char event[8192];

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) ||
	    bind(fd, (struct sockaddr *)&address, sizeof(address)))
		return fail("the socket of uevents");
	for (; *argv; argv++)
		if (read_rules(*argv))
			return 1;
	umask(0);
	cold_boot("/sys/devices");
	for (;;) {
		struct pollfd readable = { .fd = fd, .events = POLLIN };
		ssize_t length;

		/* The kernel queues an event before the write that asks for it returns. */
		if (!booted && !poll(&readable, 1, 0)) {
			booted = 1;
			puts("ready");
			fflush(stdout);
		}
		length = recv(fd, event, sizeof(event) - 1, 0);
		if (length <= 0)
			continue;
		event[length] = 0;
		handle(event, length);
	}
}

/*
 * SELinux answers EACCES before the driver sees the call. The driver has no error EACCES, and
 * refuses a null pointer.
 */
static int calls(char **argv)
{
	unsigned long last = strtoul(argv[2], NULL, 16);
	int fd = open(argv[0], O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return fail(argv[0]);
	for (unsigned long call = strtoul(argv[1], NULL, 16); call <= last; call++)
		if (!ioctl(fd, call, NULL) || errno != EACCES)
			printf("%lx ", call);
	putchar('\n');
	return 0;
}

static int label(char **argv)
{
	char text[256];

	for (; *argv; argv++) {
		ssize_t size = getxattr(*argv, "security.selinux", text, sizeof(text) - 1);

		if (size < 0)
			return fail(*argv);
		text[size] = 0;
		puts(text);
	}
	return 0;
}

static int lend(char **argv)
{
	int fence = -1, ready[2], status, timeline = open(argv[0], O_RDWR | O_CLOEXEC);
	struct fence_exporter_create create = { .fds = (uintptr_t)&fence, .count = 1 };
	struct fence_exporter_signal signal = { .seqno = 1 };
	char number[16], pipe_number[16], byte;
	pid_t child;

	if (timeline < 0 || ioctl(timeline, FENCE_EXPORTER_IOC_CREATE, &create) || pipe(ready))
		return fail(argv[0]);
	child = fork();
	if (!child) {
		snprintf(number, sizeof(number), "%d", fence);
		snprintf(pipe_number, sizeof(pipe_number), "%d", ready[1]);
		fcntl(fence, F_SETFD, 0);
		if (!write_file("/proc/self/attr/exec", argv[1], strlen(argv[1])))
			execl("/system/bin/android", "android", "wait", number, pipe_number, NULL);
		_exit(fail(argv[1]));
	}
	close(ready[1]);
	if (read(ready[0], &byte, 1) != 1)
		fprintf(stderr, "android: the other process does not wait\n");
	if (ioctl(timeline, FENCE_EXPORTER_IOC_SIGNAL, &signal))
		return fail("SIGNAL");
	return waitpid(child, &status, 0) == child && !status ? 0 : 1;
}

static int wait_for(char **argv)
{
	int fd = atoi(argv[0]), ready = atoi(argv[1]);
	struct pollfd signaled = { .fd = fd, .events = POLLIN };
	struct sync_file_info before = {}, after = {};
	int node = open("/dev/fence_exporter", O_RDWR | O_CLOEXEC);

	printf("the node: %s\n", node < 0 ? strerror(errno) : "opened");
	if (ioctl(fd, SYNC_IOC_FILE_INFO, &before) || write(ready, "", 1) != 1 ||
	    poll(&signaled, 1, -1) != 1 ||
	    ioctl(fd, SYNC_IOC_FILE_INFO, &after))
		return fail("the fence");
	printf("status %d, then %d\n", before.status, after.status);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct { const char *name; int words; int (*run)(char **argv); } commands[] = {
		{ "load_policy", 1, load_policy }, { "run", 4, run },
		{ "calls", 3, calls }, { "label", 1, label }, { "lend", 2, lend },
		{ "wait", 2, wait_for },
	};

	/* ueventd has a name of its own, because the label of the file tells its domain. */
	if (argc > 2 && strstr(argv[0], "ueventd"))
		return ueventd(argv + 1);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (argc > 1 && !strcmp(argv[1], commands[i].name) && argc >= commands[i].words + 2)
			return commands[i].run(argv + 2);
	fprintf(stderr, "android: no such command\n");
	return 2;
}

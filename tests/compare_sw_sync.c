// SPDX-License-Identifier: GPL-2.0
/*
 * Runs the kernel's own sync tests against the kernel's sw_sync and against
 * /dev/sw_sync, in one boot, and compares the results line by line.
 *
 *   compare_sw_sync [DIRECTORY]
 *
 * The programs sync_test_kernel and sync_test_ours are in DIRECTORY, by default
 * the directory of this program. The module must be loaded with sw_sync=1 and a
 * sw_sync_timeout_ms of minutes: test_merge_stress_random_merge keeps fences pending
 * for as long as it runs, which may be minutes on a slow machine.
 */
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/wait.h>

#include "fence.h"
#include "sw_sync.h"

#define MOST_RESULTS	64

struct run {
	const char *program;
	/* Each has "ok" or "not ok", and the name of the test without its number. */
	char results[MOST_RESULTS][128];
	int count;
	int status;
	unsigned int seconds;
};

/* Adds a line if the line is a result: "ok 3 [RUN]\tname" becomes "ok name". */
static void take_line(struct run *run, const char *line)
{
	bool passed = !strncmp(line, "ok ", 3);
	const char *name;
	size_t length;

	if (!passed && strncmp(line, "not ok ", 7))
		return;
	if (run->count == MOST_RESULTS)
		return;
	name = strrchr(line, '\t');
	name = name ? name + 1 : line;
	length = strcspn(name, "\r\n");
	snprintf(run->results[run->count++], sizeof(run->results[0]), "%s %.*s",
		 passed ? "ok" : "not ok", (int)length, name);
}

static int run_program(const char *directory, struct run *run)
{
	__u64 begin = now_ns();
	char path[PATH_MAX];
	char line[512];
	int output[2];
	FILE *file;
	pid_t child;

	snprintf(path, sizeof(path), "%s/%s", directory, run->program);
	if (pipe(output))
		return -errno;
	fflush(stdout);
	child = fork();
	if (child < 0)
		return -errno;
	if (!child) {
		dup2(output[1], STDOUT_FILENO);
		dup2(output[1], STDERR_FILENO);
		close(output[0]);
		close(output[1]);
		execl(path, path, (char *)NULL);
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		_exit(127);
	}
	close(output[1]);
	file = fdopen(output[0], "r");
	while (file && fgets(line, sizeof(line), file)) {
		printf("# %s: %s", run->program, line);
		take_line(run, line);
	}
	if (file)
		fclose(file);
	if (waitpid(child, &run->status, 0) < 0)
		return -errno;
	run->seconds = (now_ns() - begin) / NSEC_PER_SEC;
	return 0;
}

/* Returns whether test number @i has the same result in both runs, and has passed. */
static bool same_result(const struct run *kernel, const struct run *ours, int i,
			int number)
{
	const char *a = i < kernel->count ? kernel->results[i] : "(none)";
	const char *b = i < ours->count ? ours->results[i] : "(none)";
	bool same = !strcmp(a, b);

	printf("%s %d %s\n", same ? "ok" : "not ok", number,
	       strchr(a, ' ') ? strrchr(a, ' ') + 1 : a);
	if (!same)
		printf("# the kernel's sw_sync: %s, ours: %s\n", a, b);
	else if (!strncmp(a, "not ", 4))
		printf("# fails with both\n");
	return same;
}

static const char *own_directory(void)
{
	static char path[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);
	char *end;

	if (length < 0)
		return ".";
	path[length] = '\0';
	end = strrchr(path, '/');
	if (end)
		*end = '\0';
	return path;
}

int main(int argc, char **argv)
{
	static struct run kernel = { .program = "sync_test_kernel" };
	static struct run ours = { .program = "sync_test_ours" };
	const char *directory = argc > 1 ? argv[1] : own_directory();
	bool same;
	int count;
	int i;

	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("TAP version 13\n");
	mount_debugfs();
	if (access(SW_SYNC_KERNEL, F_OK) || access(SW_SYNC_DEVICE, F_OK)) {
		printf("1..0 # SKIP needs both " SW_SYNC_KERNEL " and "
		       SW_SYNC_DEVICE "\n");
		return 4;
	}
	if (run_program(directory, &kernel) || run_program(directory, &ours)) {
		printf("Bail out! The programs can't be run\n");
		return 1;
	}
	count = kernel.count > ours.count ? kernel.count : ours.count;
	printf("1..%d\n", count + 2);
	same = count > 0;
	printf("%s 1 the tests have run\n", same ? "ok" : "not ok");
	for (i = 0; i < count; i++)
		same &= same_result(&kernel, &ours, i, i + 2);
	printf("%s %d exit status\n",
	       kernel.status == ours.status ? "ok" : "not ok", count + 2);
	same &= kernel.status == ours.status;
	printf("# %s: %u s, wait status %#x; %s: %u s, wait status %#x\n",
	       kernel.program, kernel.seconds, kernel.status, ours.program,
	       ours.seconds, ours.status);
	return !same;
}

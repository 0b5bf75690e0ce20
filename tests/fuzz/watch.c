// SPDX-License-Identifier: GPL-2.0
/* Watches the workers: their progress, which have died, and which hang and where. */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/wait.h>

#include "fence.h"
#include "fuzz.h"

/* A program has up to 20 calls. Few of them wait for over 0.1 s, and none for over 3 s. */
#define STUCK_NS	(120 * NSEC_PER_SEC * machine_pace())

static __u64 begin;

void watch_begin(void)
{
	begin = now_ns();
}

void watch_tell(const struct shared *shared, const char *mark)
{
	printf("%s %llu s: %lu calls, %lu programs, %u places, %u kept, %lu faults, %lu odd\n",
	       mark, (now_ns() - begin) / NSEC_PER_SEC, atomic_load(&shared->calls),
	       atomic_load(&shared->programs), atomic_load(&shared->points),
	       atomic_load(&shared->kept), atomic_load(&shared->faults),
	       atomic_load(&shared->odd));
}

/* Prints a file in /proc of one thread. */
static void print_file(pid_t worker, const char *thread, const char *name)
{
	char path[128];
	char line[256];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/task/%s/%s", worker, thread, name);
	file = fopen(path, "re");
	if (!file)
		return;
	while (fgets(line, sizeof(line), file))
		printf("# %s: %s", thread, line);
	fclose(file);
}

/* Prints where in the kernel each thread of a worker is. */
static void print_stacks(pid_t worker)
{
	struct dirent *entry;
	char path[64];
	DIR *threads;

	snprintf(path, sizeof(path), "/proc/%d/task", worker);
	threads = opendir(path);
	if (!threads)
		return;
	while ((entry = readdir(threads))) {
		if (entry->d_name[0] == '.')
			continue;
		print_file(worker, entry->d_name, "comm");
		print_file(worker, entry->d_name, "syscall");
		print_file(worker, entry->d_name, "stack");
	}
	closedir(threads);
}

static bool is_stuck(const struct shared *shared, unsigned int worker)
{
	__u64 last = atomic_load(&shared->ended[worker]);

	return now_ns() > (last > begin ? last : begin) + STUCK_NS;
}

static int look(struct shared *shared, const pid_t *pids, unsigned int workers)
{
	unsigned int i;
	int status;

	if (waitpid(-1, &status, WNOHANG) > 0) {
		if (atomic_load(&shared->stop))
			return 0;
		printf("@odd a worker has died, status %#x\n", status);
		return 1;
	}
	for (i = 0; i < workers; i++) {
		if (!is_stuck(shared, i))
			continue;
		printf("@odd worker %u is stuck\n", i);
		print_stacks(pids[i]);
		return 1;
	}
	return 0;
}

/*
 * Returns whether some of the given programs have not begun. All of them run, whatever the limits
 * are. So what they reach does not depend on the speed of the machine.
 */
static bool is_given(const struct shared *shared)
{
	return atomic_load(&shared->next_given) < shared->given;
}

static bool is_enough(const struct shared *shared, unsigned long most, unsigned long least,
		      unsigned long seconds)
{
	unsigned long calls = atomic_load(&shared->calls);

	return calls >= most || (calls >= least && now_ns() >= begin + seconds * NSEC_PER_SEC);
}

int watch(struct shared *shared, const pid_t *pids, unsigned int workers,
	  unsigned long most, unsigned long least, unsigned long seconds)
{
	__u64 next = begin;
	int ret = 0;

	while (!ret && !atomic_load(&shared->stop) &&
	       (is_given(shared) || !is_enough(shared, most, least, seconds))) {
		if (now_ns() >= next) {
			watch_tell(shared, "#");
			next += 15 * NSEC_PER_SEC;
		}
		sleep_ms(200);
		ret = look(shared, pids, workers);
	}
	return ret;
}

int watch_end(struct shared *shared, const pid_t *pids, unsigned int workers)
{
	__u64 until = now_ns() + STUCK_NS;
	unsigned int left = workers;
	unsigned int i;

	atomic_store(&shared->stop, true);
	while (left && now_ns() < until) {
		pid_t pid = waitpid(-1, NULL, WNOHANG);

		if (pid < 0)
			return 0;
		if (pid)
			left--;
		else
			sleep_ms(20);
	}
	for (i = 0; left && i < workers; i++) {
		if (kill(pids[i], 0))
			continue;
		printf("@odd worker %u does not end\n", i);
		print_stacks(pids[i]);
		kill(pids[i], SIGKILL);
	}
	return left != 0;
}

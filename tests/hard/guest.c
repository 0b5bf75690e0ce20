// SPDX-License-Identifier: GPL-2.0
/* Control groups and files of the guest. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "guest.h"

int file_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int ret;

	if (fd < 0)
		return -errno;
	ret = write(fd, text, strlen(text)) < 0 ? -errno : 0;
	close(fd);
	return ret;
}

long long file_value(const char *path, const char *key)
{
	FILE *file = fopen(path, "re");
	long long value = -ENOENT;
	char line[256];

	if (!file)
		return -errno;
	while (fgets(line, sizeof(line), file))
		if (!strncmp(line, key, strlen(key)) &&
		    sscanf(line + strlen(key), "%lld", &value) == 1)
			break;
	fclose(file);
	return value;
}

long long file_number(const char *path)
{
	return file_value(path, "");
}

int cgroup_new(char *path, unsigned long size)
{
	static int count;
	int ret;

	if (access(CGROUP_ROOT "/cgroup.controllers", F_OK) &&
	    mount("none", CGROUP_ROOT, "cgroup2", 0, NULL))
		return -errno;
	ret = file_write(CGROUP_ROOT "/cgroup.subtree_control", "+memory");
	if (ret)
		return ret;
	snprintf(path, size, CGROUP_ROOT "/hard-%d-%d", getpid(), count++);
	return mkdir(path, 0755) ? -errno : 0;
}

int cgroup_write(const char *group, const char *file, const char *text)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", group, file);
	return file_write(path, text);
}

int cgroup_enter(const char *group)
{
	return cgroup_write(group, "cgroup.procs", "0");
}

bool rcu_settle(void)
{
	return !file_write("/sys/module/barrier/parameters/wait", "1");
}

unsigned long wanted(const char *name, unsigned long fallback)
{
	const char *text = getenv(name);

	return text ? strtoul(text, NULL, 0) : fallback;
}

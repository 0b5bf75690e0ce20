/* SPDX-License-Identifier: GPL-2.0 */
/* Control groups and files of the guest. Each answers -errno on failure. */
#ifndef HARD_GUEST_H
#define HARD_GUEST_H

#include <stdbool.h>

#define CGROUP_ROOT	"/sys/fs/cgroup"

int file_write(const char *path, const char *text);
long long file_number(const char *path);
/* The number behind @key at the beginning of a line. */
long long file_value(const char *path, const char *key);

/* A new group with a memory controller; @path gets its directory. */
int cgroup_new(char *path, unsigned long size);
int cgroup_write(const char *group, const char *file, const char *text);
/* Moves this process. */
int cgroup_enter(const char *group);

/* Waits until what was given to RCU is freed; false: the module `barrier` isn't there. */
bool rcu_settle(void);

/* A count from the environment. */
unsigned long wanted(const char *name, unsigned long fallback);

#endif

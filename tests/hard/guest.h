/* SPDX-License-Identifier: GPL-2.0 */
/* Control groups and files of the guest. Each function returns -errno on failure. */
#ifndef HARD_GUEST_H
#define HARD_GUEST_H

#include <stdbool.h>

#define CGROUP_ROOT	"/sys/fs/cgroup"

int file_write(const char *path, const char *text);
long long file_number(const char *path);
/* Returns the number after @key, where @key is at the beginning of a line. */
long long file_value(const char *path, const char *key);

/* Creates a control group with a memory controller. @path receives its directory. */
int cgroup_new(char *path, unsigned long size);
int cgroup_write(const char *group, const char *file, const char *text);
/* Moves this process into the group. */
int cgroup_enter(const char *group);

/*
 * Waits until RCU has freed what it was given. Returns false if the module `barrier` is not loaded.
 */
bool rcu_settle(void);

/* Returns a number from the environment. */
unsigned long wanted(const char *name, unsigned long fallback);

#endif

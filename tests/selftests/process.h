/* SPDX-License-Identifier: GPL-2.0 */
/* The process and its machine. Each answers -errno where it fails. */
#ifndef SELFTEST_PROCESS_H
#define SELFTEST_PROCESS_H

#include <linux/types.h>
#include <sys/types.h>

#define NSEC_PER_MSEC		1000000ULL
#define NSEC_PER_SEC		1000000000ULL

/* No exit status. */
#define CHILD_KILLED		256
#define CHILD_STUCK		257

/*
 * How many times as long as on the machine that limits of time were made for things take on this
 * one: FENCE_PACE, which scripts/vm measures and sets, or 1.
 */
unsigned int machine_pace(void);
__u64 now_ns(void);
void sleep_ms(unsigned int ms);
int count_fds(void);
/* Installs a handler that does nothing, so that the signal ends a call that sleeps. */
int catch_signal(int signal);
/*
 * Sends @signal, unless 0, to a child until it ends. Its exit status, CHILD_KILLED if a signal has
 * ended it, or CHILD_STUCK if it has not ended within @ms.
 */
int child_outcome(pid_t child, int signal, int ms);
/* Waits until a thread or process, which is about to, sleeps, or has ended. */
void wait_until_asleep(pid_t tid);
/*
 * The value of a module parameter as FENCE_PARAMS has it, which is what the module was
 * loaded with, or @fallback. Parameters of a Rust module are not in sysfs.
 */
__u64 module_param(const char *name, __u64 fallback);
/* Raises the limit of open descriptors to at least @count. */
int allow_fds(unsigned int count);
/* Keeps the thread on a processor; timers that it sets from now on are there, too. */
int run_on(int cpu);
int mount_debugfs(void);
/* Passes a descriptor over a UNIX socket. */
int send_fd(int socket, int fd);
int receive_fd(int socket);
/* ioctl(2). */
int call(int fd, unsigned long request, void *arg);
/* A descriptor for reading and writing. */
int open_device(const char *path);
/* Writes @text, in place of what the file has. */
int write_file(const char *path, const char *text);

#endif

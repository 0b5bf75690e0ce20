/* SPDX-License-Identifier: GPL-2.0 */
/* The process and its machine. Each function returns -errno on failure. */
#ifndef SELFTEST_PROCESS_H
#define SELFTEST_PROCESS_H

#include <linux/types.h>
#include <sys/types.h>

#define NSEC_PER_MSEC		1000000ULL
#define NSEC_PER_SEC		1000000000ULL

/* What child_outcome() returns if the child has no exit status. */
#define CHILD_KILLED		256
#define CHILD_STUCK		257

/*
 * How many times slower this machine is than the one that the time limits were made for:
 * FENCE_PACE, which scripts/vm measures and sets, or 1.
 */
unsigned int machine_pace(void);
__u64 now_ns(void);
void sleep_ms(unsigned int ms);
int count_fds(void);
/* Returns how often @text occurs in the kernel's log, or -errno. */
int count_in_log(const char *text);
/* Installs a handler that does nothing. So the signal interrupts a call that sleeps. */
int catch_signal(int signal);
/*
 * Sends @signal to a child until the child ends, or only waits if @signal is 0. Returns the child's
 * exit status, CHILD_KILLED if a signal has ended the child, or CHILD_STUCK if the child has not
 * ended within @ms.
 */
int child_outcome(pid_t child, int signal, int ms);
/* Waits until a thread or process sleeps or has ended. The caller knows that it will. */
void wait_until_asleep(pid_t tid);
/*
 * Returns the value of a module parameter in FENCE_PARAMS, with which the module was loaded, or
 * @fallback. The parameters of a Rust module are not in sysfs.
 */
__u64 module_param(const char *name, __u64 fallback);
/* Raises the limit of open descriptors to at least @count. */
int allow_fds(unsigned int count);
/* Binds the thread to a processor. Timers that the thread arms from now on run there, too. */
int run_on(int cpu);
int mount_debugfs(void);
/* Passes a descriptor over a UNIX socket. */
int send_fd(int socket, int fd);
int receive_fd(int socket);
/* Calls ioctl(2). Returns -errno on failure. */
int call(int fd, unsigned long request, void *arg);
/* Opens the device for reading and writing. */
int open_device(const char *path);
/* Replaces the contents of a file by @text. */
int write_file(const char *path, const char *text);

#endif

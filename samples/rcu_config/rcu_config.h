/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/* The ioctl of /dev/rcu_config, for C programs. */
#ifndef _RCU_CONFIG_H
#define _RCU_CONFIG_H

#include <linux/ioctl.h>
#include <linux/types.h>

/**
 * struct rcu_config_set - the argument of RCU_CONFIG_SET
 * @limit: in: the new limit; out: the limit that it has replaced
 * @limit_at_open: in: 0; out: the limit that was set when the file was opened
 */
struct rcu_config_set {
	__u32 limit;
	__u32 limit_at_open;
};

#define RCU_CONFIG_SET	_IOWR('c', 1, struct rcu_config_set)

#endif /* _RCU_CONFIG_H */

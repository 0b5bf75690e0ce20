// SPDX-License-Identifier: GPL-2.0
/*
 * The read-only parameter `changes`: how often a limit was set. This file is C code in a Rust
 * module: the kernel calls it, and it calls a function of rcu_config_main.rs.
 */

#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/moduleparam.h>
#include <linux/types.h>

/* In rcu_config_main.rs. The Kbuild lists the function in rcu_config-link-keep. */
u32 rcu_config_changes(void);

static int changes_get(char *buffer, const struct kernel_param *param)
{
	return scnprintf(buffer, PAGE_SIZE, "%u\n", rcu_config_changes());
}

static int changes_set(const char *value, const struct kernel_param *param)
{
	return -EPERM;
}

static const struct kernel_param_ops changes_ops = {
	.set = changes_set,
	.get = changes_get,
};

module_param_cb(changes, &changes_ops, NULL, 0444);

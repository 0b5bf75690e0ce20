// SPDX-License-Identifier: GPL-2.0
/*
 * Lets user space wait until what was given to call_rcu() and kvfree_rcu() is
 * freed: by writing to /sys/module/barrier/parameters/wait.
 *
 * kvfree_rcu_barrier() isn't exported, but destroying a cache waits for the same.
 */
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>

static int wait_for_all(const char *value, const struct kernel_param *param)
{
	struct kmem_cache *cache;

	cache = kmem_cache_create("fence_barrier", 64, 0, SLAB_NO_MERGE, NULL);
	if (!cache)
		return -ENOMEM;
	rcu_barrier();
	kmem_cache_destroy(cache);
	/* What is freed by a callback may have been given to another one. */
	rcu_barrier();
	return 0;
}

static const struct kernel_param_ops wait_ops = {
	.set = wait_for_all,
};
module_param_cb(wait, &wait_ops, NULL, 0200);
MODULE_PARM_DESC(wait, "write anything to wait");

MODULE_DESCRIPTION("Barriers of RCU for tests in user space");
MODULE_LICENSE("GPL");

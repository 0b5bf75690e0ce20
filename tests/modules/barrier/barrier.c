// SPDX-License-Identifier: GPL-2.0
/*
 * Lets user space wait until the callbacks of call_rcu() have run and the memory of
 * kvfree_rcu() is freed, by a write to /sys/module/barrier/parameters/wait.
 *
 * kvfree_rcu_barrier() isn't exported. Destroying a cache waits for the same.
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
	/* An RCU callback may itself call call_rcu() to free something. So this waits twice. */
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

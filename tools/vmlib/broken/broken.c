// SPDX-License-Identifier: GPL-2.0
/*
 * A module that breaks one rule when it is loaded: what the virtual machine's
 * check of the log must not miss. Each rule is one of those that a checker of
 * the debug kernel watches over.
 */
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>

static char *rule = "none";
module_param(rule, charp, 0);
MODULE_PARM_DESC(rule, "the rule to break");

static DEFINE_MUTEX(first);
static DEFINE_MUTEX(second);
static DEFINE_SPINLOCK(spin);

static void use_after_free(void)
{
	char *object = kmalloc(64, GFP_KERNEL);
	char *stale = object;

	if (!object)
		return;
	OPTIMIZER_HIDE_VAR(stale);
	kfree(object);
	WRITE_ONCE(stale[8], 1);
}

static void leak(void)
{
	int i;

	/* More than one: a stale pointer on some stack may hold the last. */
	for (i = 0; i < 16; i++)
		if (!kmalloc(96, GFP_KERNEL))
			return;
}

static void lock_order(void)
{
	mutex_lock(&first);
	mutex_lock(&second);
	mutex_unlock(&second);
	mutex_unlock(&first);
	mutex_lock(&second);
	mutex_lock(&first);
	mutex_unlock(&first);
	mutex_unlock(&second);
}

static void sleep_in_atomic(void)
{
	spin_lock(&spin);
	schedule_timeout_uninterruptible(1);
	spin_unlock(&spin);
}

static void rcu_unprotected(void)
{
	static void __rcu *pointer;

	(void)rcu_dereference(pointer);
}

static void warn(void)
{
	WARN_ON(1);
}

static void hang(void)
{
	local_irq_disable();
	for (;;)
		cpu_relax();
}

static const struct {
	const char *name;
	void (*breaks)(void);
} rules[] = {
	{ "use_after_free", use_after_free },
	{ "leak", leak },
	{ "lock_order", lock_order },
	{ "sleep_in_atomic", sleep_in_atomic },
	{ "rcu_unprotected", rcu_unprotected },
	{ "warn", warn },
	{ "hang", hang },
};

static int __init broken_init(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(rules); i++)
		if (!strcmp(rule, rules[i].name))
			rules[i].breaks();
	return 0;
}
module_init(broken_init);

static void __exit broken_exit(void)
{
}
module_exit(broken_exit);

MODULE_DESCRIPTION("Breaks a rule, for the test of the virtual machine runner");
MODULE_LICENSE("GPL");

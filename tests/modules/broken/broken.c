// SPDX-License-Identifier: GPL-2.0
/*
 * A module that breaks rules when it is loaded or removed. The check of the kernel's log in
 * scripts/vm must notice each. A checker of the debug kernel reports each rule. The module
 * breaks several rules in the order in which they are named. lockdep stops after its first
 * report, and after a report of KASAN.
 */
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/timer.h>
#include <linux/workqueue.h>

static char *rule = "none";
module_param(rule, charp, 0);
MODULE_PARM_DESC(rule, "the rules to break, with commas between them");

static char *at_exit = "none";
module_param(at_exit, charp, 0);
MODULE_PARM_DESC(at_exit, "those to break when the module is removed");

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

static void out_of_bounds(void)
{
	char *object = kmalloc(64, GFP_KERNEL);
	char *beyond = object;

	if (!object)
		return;
	OPTIMIZER_HIDE_VAR(beyond);
	WRITE_ONCE(beyond[64], 1);
	kfree(object);
}

static void list(void)
{
	LIST_HEAD(head);
	struct list_head entry;

	list_add(&entry, &head);
	head.next = &head;
	list_del(&entry);
}

static void refcount(void)
{
	refcount_t count = REFCOUNT_INIT(0);

	refcount_inc(&count);
}

static void nothing(struct timer_list *timer)
{
}

/* The checker stops the timer when the timer is freed. */
static void free_timer(void)
{
	struct timer_list *timer = kmalloc_obj(*timer);

	if (!timer)
		return;
	timer_setup(timer, nothing, 0);
	mod_timer(timer, jiffies + 3600 * HZ);
	kfree(timer);
}

#ifdef CONFIG_DEBUG_OBJECTS_WORK
static void wait(struct work_struct *work)
{
	msleep(500);
}

/* The checker cancels the work when the work is freed. */
static void free_work(void)
{
	struct workqueue_struct *queue = alloc_ordered_workqueue("broken", 0);
	struct work_struct *work = kmalloc_obj(*work);
	static DECLARE_WORK(before, wait);

	if (queue && work) {
		INIT_WORK(work, wait);
		queue_work(queue, &before);
		queue_work(queue, work);
	}
	kfree(work);
	if (queue)
		destroy_workqueue(queue);
}
#endif

static void called(struct rcu_head *head)
{
}

/* The checker ignores the second call_rcu(). */
static void call_rcu_twice(void)
{
	static struct rcu_head head;

	call_rcu(&head, called);
	call_rcu(&head, called);
	rcu_barrier();
}

static void leak(void)
{
	int i;

	/* Leaks several objects, as a stale pointer on some stack may still refer to the last. */
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
	/*
	 * might_sleep() is enough for the report. A real sleep would leave a wrong preemption count
	 * behind, after which arm64 crashes.
	 */
	might_sleep();
	spin_unlock(&spin);
}

static void rcu_unprotected(void)
{
	static void __rcu *pointer;

	(void)rcu_dereference(pointer);
}

/*
 * blocked(), hog() and slow_reader() each take too long, if the limits of the checkers are 2 s, and
 * 8 s for a grace period.
 */
static void blocked(void)
{
	schedule_timeout_uninterruptible(8 * HZ);
}

static void spin_for(unsigned int seconds)
{
	unsigned long end = jiffies + seconds * HZ;

	while (time_before(jiffies, end))
		cpu_relax();
}

static void hog(void)
{
	preempt_disable();
	spin_for(8);
	preempt_enable();
}

static void slow_reader(void)
{
	static struct rcu_head head;

	rcu_read_lock();
	call_rcu(&head, called);
	spin_for(16);
	rcu_read_unlock();
	rcu_barrier();
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
	{ "out_of_bounds", out_of_bounds },
	{ "list", list },
	{ "refcount", refcount },
	{ "free_timer", free_timer },
	{ "call_rcu_twice", call_rcu_twice },
	{ "leak", leak },
	{ "lock_order", lock_order },
	{ "sleep_in_atomic", sleep_in_atomic },
	{ "rcu_unprotected", rcu_unprotected },
#ifdef CONFIG_DEBUG_OBJECTS_WORK
	{ "free_work", free_work },
#endif
	{ "blocked", blocked },
	{ "hog", hog },
	{ "slow_reader", slow_reader },
	{ "warn", warn },
	{ "hang", hang },
};

/* Returns the part of @list behind @name, or NULL if the list does not begin with @name. */
static const char *behind(const char *list, const char *name)
{
	while (*name)
		if (*list++ != *name++)
			return NULL;
	return *list == ',' || !*list ? list : NULL;
}

/* Parses the list without strsep(), because a trimmed kernel does not export it. */
static void break_rules(const char *rest)
{
	int i;

	while (*rest) {
		for (i = 0; i < ARRAY_SIZE(rules); i++)
			if (behind(rest, rules[i].name))
				rules[i].breaks();
		while (*rest && *rest++ != ',')
			;
	}
}

static int __init broken_init(void)
{
	break_rules(rule);
	return 0;
}
module_init(broken_init);

static void __exit broken_exit(void)
{
	break_rules(at_exit);
}
module_exit(broken_exit);

MODULE_DESCRIPTION("Breaks a rule, for the test of the virtual machine runner");
MODULE_LICENSE("GPL");

// SPDX-License-Identifier: GPL-2.0
/*
 * QUERY: the limits that the module was loaded with, and the policy: the default timeout, and
 * which timeouts taint the kernel.
 */
#include <fcntl.h>
#include <stdio.h>

#include "fence.h"
#include "harness.h"
#include "module.h"

/* The bit of TAINT_SOFTLOCKUP in /proc/sys/kernel/tainted. */
#define SOFTLOCKUP	(1UL << 14)

TEST(is_what_the_parameters_say)
{
	struct fence_exporter_query query = module_limits();
	bool sw_sync = access("/dev/sw_sync", F_OK) == 0 && module_param("sw_sync", 0);
	__u64 longest = module_param("max_timeout_ms", 10000);
	__u64 timeout = module_param("timeout_ms", 2000);

	EXPECT_EQ(longest * NSEC_PER_MSEC, query.max_timeout_ns);
	EXPECT_EQ((timeout < longest ? timeout : longest) * NSEC_PER_MSEC,
		  query.default_timeout_ns);
	EXPECT_EQ(module_param("max_pending", 16384), query.max_pending);
	EXPECT_EQ(module_param("max_timelines", 1024), query.max_timelines);
	EXPECT_EQ(sw_sync, query.features & FENCE_EXPORTER_FEATURE_SW_SYNC);
	EXPECT_EQ(sw_sync ? module_param("sw_sync_timeout_ms", 10000) * NSEC_PER_MSEC : 0,
		  query.sw_sync_timeout_ns);
	EXPECT_EQ(FENCE_EXPORTER_MAX_FENCES, query.max_fences);
	EXPECT_EQ(FENCE_EXPORTER_MAX_IN_FENCES, query.max_in_fences);
	EXPECT_EQ(256, query.max_events);
	EXPECT_EQ(EVENT_TYPES, query.event_types);
	EXPECT_TRUE(query.features & FENCE_EXPORTER_FEATURE_FAILED);
	EXPECT_EQ(0, query.features & ~(FENCE_EXPORTER_FEATURE_SW_SYNC |
					FENCE_EXPORTER_FEATURE_FAILED));
}

/* QUERY writes every field, whatever the caller has put there, on any timeline at any time. */
TEST(answers_all)
{
	int tl = timeline_new("engine", 0, FENCE_EXPORTER_SETUP_ENGINE);
	struct fence_exporter_query before = module_limits(), after;

	ASSERT_LE(0, fence_submit(tl, ~0ULL, -1, 0));
	memset(&after, 0x5a, sizeof(after));
	ASSERT_EQ(0, call(tl, FENCE_EXPORTER_IOC_QUERY, &after));
	EXPECT_EQ(0, memcmp(&before, &after, sizeof(before)));
}

/*
 * Returns how many lines of the kernel's log say that a timeout taints the kernel, or would taint
 * it. The module writes the latter on a kernel that is trimmed to the symbol lists of GKI, because
 * such a kernel does not export add_taint().
 */
static int warnings(void)
{
	int taints = count_in_log(" ms taints the kernel");

	return taints < 0 ? taints : taints + count_in_log(" ms would taint the kernel");
}

static unsigned long taints(void)
{
	unsigned long mask = 0;
	FILE *file = fopen("/proc/sys/kernel/tainted", "r");

	if (!file || fscanf(file, "%lu", &mask) != 1)
		abort();
	fclose(file);
	return mask;
}

/* Returns whether the kernel is tainted as the warning says. Must be called after a warning. */
static bool tainted_as_told(void)
{
	if (count_in_log(" ms would taint the kernel"))
		return !count_in_log(" ms taints the kernel");
	return taints() & SOFTLOCKUP;
}

FIXTURE(policy)
{
	char params[256];
	int before;
};

FIXTURE_SETUP(policy)
{
	if (!getenv("FENCE_KO"))
		SKIP(return, "FENCE_KO is not set");
	snprintf(self->params, sizeof(self->params), "%s", module_params());
	self->before = warnings();
	if (self->before < 0)
		SKIP(return, "the kernel's log can't be read");
	ASSERT_EQ(0, module_remove());
}

FIXTURE_TEARDOWN(policy)
{
	if (module_is_loaded())
		EXPECT_EQ(0, module_remove());
	EXPECT_EQ(0, module_load(self->params));
}

TEST_F(policy, default_does_not_taint)
{
	unsigned long before = taints();
	struct fence_exporter_query query;

	ASSERT_EQ(0, module_load("sw_sync=1"));
	query = module_limits();
	EXPECT_EQ(2 * NSEC_PER_SEC, query.default_timeout_ns);
	EXPECT_EQ(10 * NSEC_PER_SEC, query.max_timeout_ns);
	EXPECT_EQ(10 * NSEC_PER_SEC, query.sw_sync_timeout_ns);
	EXPECT_EQ(self->before, warnings());
	EXPECT_EQ(before & SOFTLOCKUP, taints() & SOFTLOCKUP);
}

TEST_F(policy, longer_taints)
{
	ASSERT_EQ(0, module_load("max_timeout_ms=10001"));
	EXPECT_EQ(self->before + 1, warnings());
	EXPECT_TRUE(tainted_as_told());
	EXPECT_EQ(10001 * NSEC_PER_MSEC, module_limits().max_timeout_ns);
}

/* The timeout of sw_sync does not matter if the node does not exist. */
TEST_F(policy, longer_for_sw_sync_taints)
{
	ASSERT_EQ(0, module_load("sw_sync_timeout_ms=10001"));
	EXPECT_EQ(self->before, warnings());
	EXPECT_EQ(0, module_limits().features & FENCE_EXPORTER_FEATURE_SW_SYNC);
	ASSERT_EQ(0, module_remove());
	ASSERT_EQ(0, module_load("sw_sync=1 sw_sync_timeout_ms=10001"));
	EXPECT_EQ(self->before + 1, warnings());
	EXPECT_TRUE(tainted_as_told());
}

/* All ways to turn a boolean parameter on or off. */
TEST_F(policy, switches)
{
	static const char * const on[] = { "1", "y", "Y", "yes", "t", "on", "oN" };
	static const char * const off[] = { "0", "n", "N", "no", "f", "off", "oF" };
	static const char * const neither[] = { "sw_sync", "sw_sync=", "sw_sync=2", "sw_sync=o",
						"sw_sync=x1" };
	char params[32];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(on); i++) {
		snprintf(params, sizeof(params), "sw_sync=%s", on[i]);
		ASSERT_EQ(0, module_load(params));
		EXPECT_TRUE(module_limits().features & FENCE_EXPORTER_FEATURE_SW_SYNC);
		ASSERT_EQ(0, module_remove());
	}
	for (i = 0; i < ARRAY_SIZE(off); i++) {
		snprintf(params, sizeof(params), "sw_sync=%s", off[i]);
		ASSERT_EQ(0, module_load(params));
		EXPECT_FALSE(module_limits().features & FENCE_EXPORTER_FEATURE_SW_SYNC);
		ASSERT_EQ(0, module_remove());
	}
	for (i = 0; i < ARRAY_SIZE(neither); i++)
		EXPECT_EQ(-EINVAL, module_load(neither[i]));
}

TEST_HARNESS_MAIN

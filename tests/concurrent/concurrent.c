// SPDX-License-Identifier: GPL-2.0
/*
 * Several threads call one timeline at random, while the program checks invariants that hold
 * for every interleaving: on both nodes, and on the kernel's own sw_sync. If the kernel's
 * sw_sync violates an invariant, then the invariant is wrong.
 *
 *   concurrent [-s SEED] [-t SECONDS] [-n ROUNDS] [-p PART]
 *   concurrent -r SEED -p PART [-t SECONDS] [-n ROUNDS]     repeats one round
 *
 * Each round has a timeline and a seed, which is one more than that of the previous round. The
 * seed determines which calls each thread makes, but not their interleaving. The message about a
 * violation has the seed of the round.
 *
 * A part ends after SECONDS, or later on a slow machine (FENCE_PACE), or after ROUNDS. It runs
 * a few rounds in any case. No check depends on time.
 *
 * The module must have been loaded with sw_sync=1 and timeouts of a day: UNLIMITED of scripts/test.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "concurrent.h"
#include "fence.h"
#include "sw_sync.h"

#define LEAST_ROUNDS	4
/* Enough for the fences that a round begins with, those of the calls, and the program. */
#define MOST_FDS	65536

static const struct part {
	const char *name;
	const char *path;
	bool (*round)(const char *path, __u32 seed);
} parts[] = {
	{ "native", FENCE_DEVICE, native_round },
	{ "compat", SW_SYNC_DEVICE, compat_round },
	{ "kernel", SW_SYNC_KERNEL, compat_round },
};

static unsigned long seed = 1;
static unsigned long seconds = 20;
static unsigned long rounds = 100000;
static const char *only;
static bool again;

/* Runs rounds for the wanted time. Returns false as soon as an invariant is violated. */
static bool run_part(const struct part *part)
{
	__u64 end = now_ns() + seconds * machine_pace() * NSEC_PER_SEC;
	unsigned long count = 0;
	bool good = true;

	while (good && count < rounds && (count < LEAST_ROUNDS || now_ns() < end)) {
		good = part->round(part->path, seed + (again ? 0 : count));
		count++;
	}
	ksft_print_msg("%s: %lu rounds, the first one of seed %lu\n", part->name, count, seed);
	if (!good)
		ksft_print_msg("to repeat it: concurrent -p %s -r %lu\n", part->name,
			       again ? seed : seed + count - 1);
	return good;
}

static void take_part(const struct part *part)
{
	int fd = sw_sync_open(part->path);

	if (fd < 0) {
		ksft_test_result_skip("%s: %s is not there\n", part->name, part->path);
		return;
	}
	close(fd);
	ksft_test_result(run_part(part), "%s: %s\n", part->name, part->path);
}

static bool is_wanted(const struct part *part)
{
	return !only || !strcmp(only, part->name);
}

int main(int argc, char **argv)
{
	unsigned int count = 0;
	unsigned int i;
	int option;

	while ((option = getopt(argc, argv, "s:r:t:n:p:")) != -1) {
		unsigned long value = optarg ? strtoul(optarg, NULL, 0) : 0;

		if (option == 's' || option == 'r')
			seed = value;
		if (option == 'r')
			again = true;
		else if (option == 't')
			seconds = value;
		else if (option == 'n')
			rounds = value;
		else if (option == 'p')
			only = optarg;
		else if (option != 's')
			return KSFT_FAIL;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (i = 0; i < ARRAY_SIZE(parts); i++)
		count += is_wanted(&parts[i]);
	ksft_print_header();
	ksft_set_plan(count);
	if (allow_fds(MOST_FDS))
		ksft_exit_fail_msg("%d descriptors are not allowed\n", MOST_FDS);
	for (i = 0; i < ARRAY_SIZE(parts); i++)
		if (is_wanted(&parts[i]))
			take_part(&parts[i]);
	ksft_finished();
}

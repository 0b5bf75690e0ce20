// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fail.h"
#include "process.h"

#define FAIL_NTH	"/proc/self/fail-nth"
#define DEBUGFS		"/sys/kernel/debug/"

static void set_knob(const char *path, const char *value)
{
	char full[128];
	int ret;

	snprintf(full, sizeof(full), DEBUGFS "%s", path);
	ret = write_file(full, value);
	if (ret && ret != -ENOENT)
		fprintf(stderr, "# %s: %s\n", full, strerror(-ret));
}

void fail_prepare(void)
{
	set_knob("failslab/ignore-gfp-wait", "N");
	set_knob("failslab/verbose", "0");
	set_knob("fail_page_alloc/ignore-gfp-wait", "N");
	set_knob("fail_page_alloc/min-order", "0");
	set_knob("fail_page_alloc/verbose", "0");
	set_knob("fail_usercopy/verbose", "0");
}

int fail_open(void)
{
	int fail_nth = open(FAIL_NTH, O_RDWR | O_CLOEXEC);

	if (fail_nth < 0)
		return -errno;
	mount_debugfs();
	fail_prepare();
	return fail_nth;
}

void fail_arm(int fail_nth, int nth)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", nth);
	/* The write that disarms the fault may itself meet the fault. So it is repeated. */
	while (pwrite(fail_nth, text, strlen(text), 0) < 0)
		;
}

bool fail_reached(int fail_nth)
{
	char text[16] = {};
	ssize_t ret = pread(fail_nth, text, sizeof(text) - 1, 0);

	return ret > 0 && atoi(text) == 0;
}

// SPDX-License-Identifier: GPL-2.0
/* What a recording of `fencectl trace` must say of fences. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fence.h"
#include "recorded.h"

int must(const char *what, __s64 ret)
{
	if (ret >= 0)
		return ret;
	fprintf(stderr, "%s: cannot %s: %s\n", program_invocation_short_name, what,
		strerror(-ret));
	exit(1);
}

int signaled(int fd)
{
	return must("wait", fence_wait(fd, LONG_MS)) ? fd : must("wait", -ETIME);
}

void expect(const char *timeline, unsigned int seqno, int fd, const char *cause,
	    const char *deadlines)
{
	int status = fence_status(signaled(fd));
	const char *name = status < 0 ? strerrorname_np(-status) : "signaled";

	printf("%s\t\"seqno\":%u,\"status\":\"%s%s\",\"cause\":\"%s\",", timeline, seqno,
	       status < 0 ? "-" : "", name, cause);
	printf("\"begin_ns\":[0-9]*,\"end_ns\":%llu,\"deadlines_ns\":\\[%s\\]\n", fence_time(fd),
	       deadlines);
}

void expect_unknown(const char *timeline, unsigned int seqno)
{
	printf("%s\t\"seqno\":%u,\"status\":\"unknown\",\"cause\":null,\"begin_ns\":[0-9]*,\n",
	       timeline, seqno);
}

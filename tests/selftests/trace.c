// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "process.h"
#include "trace.h"

#define TRACEFS	"/sys/kernel/tracing/"
#define EVENTS	TRACEFS "events/dma_fence/"
#define SOFTIRQS	TRACEFS "events/irq/"
/* As a line of the trace shows one: the event, and the number of the fence. */
#define EVENT	": dma_fence_%31[a-z_]: "
#define FENCE	"driver=%*s timeline=%31s context=%u seqno=%u"

int trace_fences(void)
{
	int ret;

	if (access(EVENTS, F_OK))
		mount("none", TRACEFS, "tracefs", 0, NULL);
	ret = write_file(TRACEFS "trace", "");
	return ret ? ret : write_file(EVENTS "enable", "1");
}

void trace_stop(void)
{
	write_file(EVENTS "enable", "0");
	write_file(SOFTIRQS "softirq_entry/enable", "0");
	write_file(SOFTIRQS "softirq_exit/enable", "0");
}

int trace_softirqs(void)
{
	int ret = write_file(TRACEFS "buffer_size_kb", "8192");

	/* The hrtimers of soft mode have the number 8. */
	ret = ret ? ret : write_file(SOFTIRQS "softirq_entry/filter", "vec==8");
	ret = ret ? ret : write_file(SOFTIRQS "softirq_exit/filter", "vec==8");
	ret = ret ? ret : write_file(SOFTIRQS "softirq_entry/enable", "1");
	return ret ? ret : write_file(SOFTIRQS "softirq_exit/enable", "1");
}

int trace_most_in_a_softirq(void)
{
	FILE *file = fopen(TRACEFS "trace", "re");
	int count[64] = { 0 };
	int most = 0;
	char line[512];

	if (!file)
		return -errno;
	while (fgets(line, sizeof(line), file)) {
		char *bracket = strchr(line, '[');
		unsigned int cpu;

		if (line[0] == '#' || !bracket || sscanf(bracket, "[%u]", &cpu) != 1 || cpu >= 64)
			continue;
		if (strstr(line, ": softirq_entry: "))
			count[cpu] = 0;
		else if (strstr(line, ": dma_fence_signaled: "))
			count[cpu]++;
		else if (strstr(line, ": softirq_exit: ") && count[cpu] > most)
			most = count[cpu];
	}
	fclose(file);
	return most;
}

int trace_read(const char *timeline, struct traced *events, int most)
{
	FILE *file = fopen(TRACEFS "trace", "re");
	char line[512];
	int count = 0;

	if (!file)
		return -errno;
	while (count < most && fgets(line, sizeof(line), file)) {
		struct traced *event = &events[count];
		char *text = strstr(line, ": dma_fence_");

		if (!text || sscanf(text, EVENT FENCE, event->name, event->timeline,
				    &event->context, &event->seqno) != 4)
			continue;
		if (!timeline || !strcmp(event->timeline, timeline))
			count++;
	}
	fclose(file);
	return count;
}

int trace_find(const struct traced *events, int count, const char *name, unsigned int seqno)
{
	int i;

	for (i = 0; i < count; i++) {
		if (!strcmp(events[i].name, name) && events[i].seqno == seqno)
			return i;
	}
	return -1;
}

int trace_count(const struct traced *events, int count, const char *name)
{
	int found = 0;
	int i;

	for (i = 0; i < count; i++)
		found += !strcmp(events[i].name, name);
	return found;
}

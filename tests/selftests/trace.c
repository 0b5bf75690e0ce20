// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "process.h"
#include "trace.h"

#define TRACEFS	"/sys/kernel/tracing/"
#define EVENTS	TRACEFS "events/dma_fence/"
#define OWN_EVENTS	TRACEFS "events/fence_exporter/"
#define SOFTIRQS	TRACEFS "events/irq/"
/* The parts of a line of the trace: the event, the fence, and an event of the module. */
#define EVENT	": dma_fence_%31[a-z_]: "
#define FENCE	"driver=%*s timeline=%31s context=%u seqno=%u"
#define OWN_EVENT	": fence_%31[a-z_]: "
#define OWN_FENCE	"driver=%31s timeline=%31s context=%llu seqno=%llu "

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
	write_file(OWN_EVENTS "enable", "0");
	write_file(SOFTIRQS "softirq_entry/enable", "0");
	write_file(SOFTIRQS "softirq_exit/enable", "0");
}

int trace_softirqs(void)
{
	int ret = write_file(TRACEFS "buffer_size_kb", "8192");

	/* Softirq vector 8 runs the hrtimers of soft mode. */
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

int trace_statuses(void)
{
	return write_file(OWN_EVENTS "enable", "1");
}

/* Parses a line of the trace. Returns whether it has an event of the module. */
static bool parse_status(const char *line, struct traced_status *event)
{
	const char *text = strstr(line, ": fence_");
	int length = 0;

	if (!text || sscanf(text, OWN_EVENT OWN_FENCE "%n", event->name, event->driver,
			    event->timeline, &event->context, &event->seqno, &length) != 5)
		return false;
	text += length;
	if (!strcmp(event->name, "deadline"))
		return sscanf(text, "deadline=%lld", &event->time) == 1;
	return sscanf(text, "status=%d cause=%31s timestamp=%lld", &event->status, event->cause,
		      &event->time) == 3;
}

int trace_read_statuses(const char *driver, struct traced_status *events, int most)
{
	FILE *file = fopen(TRACEFS "trace", "re");
	char line[512];
	int count = 0;
	int i;

	if (!file)
		return -errno;
	for (i = 0; count < most && fgets(line, sizeof(line), file); i++) {
		struct traced_status *event = &events[count];

		memset(event, 0, sizeof(*event));
		event->line = i;
		if (parse_status(line, event) && !strcmp(event->driver, driver))
			count++;
	}
	fclose(file);
	return count;
}

int trace_line(const char *name, unsigned int context, unsigned int seqno)
{
	FILE *file = fopen(TRACEFS "trace", "re");
	struct traced event;
	char line[512];
	int found = -1;
	int i;

	if (!file)
		return -errno;
	for (i = 0; found < 0 && fgets(line, sizeof(line), file); i++) {
		const char *text = strstr(line, ": dma_fence_");

		if (text && sscanf(text, EVENT FENCE, event.name, event.timeline, &event.context,
				   &event.seqno) == 4 &&
		    !strcmp(event.name, name) && event.context == context && event.seqno == seqno)
			found = i;
	}
	fclose(file);
	return found;
}

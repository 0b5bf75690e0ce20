// SPDX-License-Identifier: GPL-2.0
/*
 * The interface is frozen: compare the header with a copy of its first version.
 *
 * A new header may append fields to a structure, and add structures, calls, flags and types of
 * events. It must not move, resize, rename or remove what is recorded here. When a version is
 * released, append a row for each of its new fields, calls and constants: they are frozen, too.
 * If a new input field is 0, the call must do what it did without the field.
 */
#include "fence.h"
#include "harness.h"
#include "uapi_fields.h"

struct field {
	const char *name;
	size_t offset;
	size_t size;
};

/* The fields as the header declares them. */
#define FIELD(s, f, type) { #s "." #f, offsetof(struct fence_exporter_##s, f), sizeof(type) },
static const struct field fields[] = { UAPI_FIELDS };

static const struct field recorded[] = {
	{ "query.features", 0, 8 },
	{ "query.default_timeout_ns", 8, 8 },
	{ "query.max_timeout_ns", 16, 8 },
	{ "query.sw_sync_timeout_ns", 24, 8 },
	{ "query.max_pending", 32, 4 },
	{ "query.max_timelines", 36, 4 },
	{ "query.max_fences", 40, 4 },
	{ "query.max_in_fences", 44, 4 },
	{ "query.max_events", 48, 4 },
	{ "query.event_types", 52, 4 },

	{ "setup.name", 0, 32 },
	{ "setup.timeout_ns", 32, 8 },
	{ "setup.flags", 40, 4 },
	{ "setup.event_mask", 44, 4 },

	{ "create.fds", 0, 8 },
	{ "create.count", 8, 4 },
	{ "create.flags", 12, 4 },
	{ "create.first_seqno", 16, 8 },

	{ "signal.seqno", 0, 8 },
	{ "signal.status", 8, 4 },
	{ "signal.flags", 12, 4 },
	{ "signal.signaled", 16, 8 },

	{ "signal_at.seqno", 0, 8 },
	{ "signal_at.time_ns", 8, 8 },
	{ "signal_at.status", 16, 4 },
	{ "signal_at.flags", 20, 4 },
	{ "signal_at.cancelled", 24, 8 },

	{ "submit.duration_ns", 0, 8 },
	{ "submit.in_fences", 8, 8 },
	{ "submit.in_count", 16, 4 },
	{ "submit.status", 20, 4 },
	{ "submit.flags", 24, 4 },
	{ "submit.out_fence", 28, 4 },
	{ "submit.seqno", 32, 8 },

	{ "info.name", 0, 32 },
	{ "info.context", 32, 8 },
	{ "info.last_seqno", 40, 8 },
	{ "info.signaled_seqno", 48, 8 },
	{ "info.pending", 56, 8 },
	{ "info.signaled", 64, 8 },
	{ "info.timed_out", 72, 8 },
	{ "info.cancelled", 80, 8 },
	{ "info.deadline_ns", 88, 8 },
	{ "info.timeout_ns", 96, 8 },
	{ "info.flags", 104, 4 },
	{ "info.event_mask", 108, 4 },

	{ "export.seqno", 0, 8 },
	{ "export.flags", 8, 4 },
	{ "export.fd", 12, 4 },

	{ "event.type", 0, 4 },
	{ "event.length", 4, 4 },
	{ "event.time_ns", 8, 8 },
	{ "event.seqno", 16, 8 },
	{ "event.value", 24, 8 },
};

static const struct field *find(const struct field *all, unsigned int count, const char *name)
{
	unsigned int i;

	for (i = 0; i < count; i++)
		if (!strcmp(all[i].name, name))
			return &all[i];
	return NULL;
}

/* Returns the size of @field's structure in the first version, or 0 if the structure is newer. */
static size_t first_size(const struct field *field)
{
	size_t structure = strcspn(field->name, ".") + 1, size = 0;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(recorded); i++)
		if (!strncmp(recorded[i].name, field->name, structure) &&
		    recorded[i].offset + recorded[i].size > size)
			size = recorded[i].offset + recorded[i].size;
	return size;
}

TEST(fields_are_as_recorded)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(recorded); i++) {
		const struct field *field = find(fields, ARRAY_SIZE(fields), recorded[i].name);

		EXPECT_NE(NULL, field) {
			TH_LOG("the header has no field %s", recorded[i].name);
		}
		if (!field)
			continue;
		EXPECT_EQ(recorded[i].offset, field->offset) {
			TH_LOG("offset of %s", field->name);
		}
		EXPECT_EQ(recorded[i].size, field->size) {
			TH_LOG("size of %s", field->name);
		}
	}
}

/* New fields are at the end: a caller that was compiled with the first version lacks them. */
TEST(new_fields_are_appended)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(fields); i++) {
		if (find(recorded, ARRAY_SIZE(recorded), fields[i].name))
			continue;
		EXPECT_LE(first_size(&fields[i]), fields[i].offset) {
			TH_LOG("%s is not at the end of its structure", fields[i].name);
		}
	}
}

/* The ioctl numbers, which contain the sizes that the structures had in the first version. */
static const struct {
	const char *name;
	unsigned int request;
	unsigned int recorded;
} calls[] = {
	{ "SETUP", FENCE_EXPORTER_IOC_SETUP, 0xc030b900 },
	{ "CREATE", FENCE_EXPORTER_IOC_CREATE, 0xc018b901 },
	{ "SIGNAL", FENCE_EXPORTER_IOC_SIGNAL, 0xc018b902 },
	{ "SIGNAL_AT", FENCE_EXPORTER_IOC_SIGNAL_AT, 0xc020b903 },
	{ "SUBMIT", FENCE_EXPORTER_IOC_SUBMIT, 0xc028b904 },
	{ "INFO", FENCE_EXPORTER_IOC_INFO, 0xc070b905 },
	{ "QUERY", FENCE_EXPORTER_IOC_QUERY, 0xc038b906 },
	{ "EXPORT", FENCE_EXPORTER_IOC_EXPORT, 0xc010b907 },
};

TEST(numbers_are_as_recorded)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(calls); i++) {
		EXPECT_EQ(calls[i].recorded & ~IOCSIZE_MASK, calls[i].request & ~IOCSIZE_MASK) {
			TH_LOG("%s", calls[i].name);
		}
		EXPECT_LE(_IOC_SIZE(calls[i].recorded), _IOC_SIZE(calls[i].request)) {
			TH_LOG("size of %s", calls[i].name);
		}
	}
	EXPECT_LE(32, sizeof(struct fence_exporter_event));
}

static const struct {
	const char *name;
	unsigned int value;
	unsigned int recorded;
} constants[] = {
	{ "NAME_LEN", FENCE_EXPORTER_NAME_LEN, 32 },
	{ "MAX_FENCES", FENCE_EXPORTER_MAX_FENCES, 64 },
	{ "MAX_IN_FENCES", FENCE_EXPORTER_MAX_IN_FENCES, 16 },
	{ "FEATURE_SW_SYNC", FENCE_EXPORTER_FEATURE_SW_SYNC, 1 },
	{ "SETUP_EVENTS", FENCE_EXPORTER_SETUP_EVENTS, 1 },
	{ "SETUP_ENGINE", FENCE_EXPORTER_SETUP_ENGINE, 2 },
	{ "SIGNAL_AT_CANCEL", FENCE_EXPORTER_SIGNAL_AT_CANCEL, 1 },
	{ "INFO_EVENTS", FENCE_EXPORTER_INFO_EVENTS, 1 },
	{ "INFO_ENGINE", FENCE_EXPORTER_INFO_ENGINE, 2 },
	{ "INFO_DEADLINE", FENCE_EXPORTER_INFO_DEADLINE, 1U << 31 },
	{ "EVENT_WAIT", FENCE_EXPORTER_EVENT_WAIT, 1 },
	{ "EVENT_DEADLINE", FENCE_EXPORTER_EVENT_DEADLINE, 2 },
	{ "EVENT_TIMEOUT", FENCE_EXPORTER_EVENT_TIMEOUT, 3 },
	{ "EVENT_OVERFLOW", FENCE_EXPORTER_EVENT_OVERFLOW, 4 },
	{ "EVENT_SIGNALED", FENCE_EXPORTER_EVENT_SIGNALED, 5 },
	{ "EVENT_BIT(WAIT)", FENCE_EXPORTER_EVENT_BIT(FENCE_EXPORTER_EVENT_WAIT), 2 },
};

TEST(constants_are_as_recorded)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(constants); i++)
		EXPECT_EQ(constants[i].recorded, constants[i].value) {
			TH_LOG("%s", constants[i].name);
		}
}

TEST_HARNESS_MAIN

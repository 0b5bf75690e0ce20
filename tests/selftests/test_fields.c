// SPDX-License-Identifier: GPL-2.0
/*
 * Tests every input field of every structure with the values of field_rows.h. The
 * list of fields is made from include/uapi/linux/fence_exporter.h (uapi_fields.h). A
 * field without a row is a failure.
 */
#include <fcntl.h>
#include <sys/mman.h>

#include "fence.h"
#include "field_rows.h"
#include "harness.h"
#include "uapi_fields.h"

#define NAME_LEN	FENCE_EXPORTER_NAME_LEN
#define ANY_PATH	"/dev/null"

struct field {
	const char *structure;
	const char *field;
	size_t offset;
	size_t size;
};

/* The fields as the header declares them. */
#define FIELD(s, f, type) { #s, #f, offsetof(struct fence_exporter_##s, f), sizeof(type) },
static const struct field fields[] = { UAPI_FIELDS };

static const struct field *field_of(const struct row *row)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(fields); i++)
		if (!strcmp(row->structure, fields[i].structure) &&
		    !strcmp(row->field, fields[i].field))
			return &fields[i];
	return NULL;
}

TEST(every_field_has_a_row)
{
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(fields); i++) {
		/* The caller passes nothing in these structures. */
		if (!strcmp(fields[i].structure, "info") ||
		    !strcmp(fields[i].structure, "query") ||
		    !strcmp(fields[i].structure, "event"))
			continue;
		for (j = 0; j < ARRAY_SIZE(rows); j++)
			if (field_of(&rows[j]) == &fields[i])
				break;
		EXPECT_GT(ARRAY_SIZE(rows), j) {
			TH_LOG("no row for %s.%s", fields[i].structure, fields[i].field);
		}
	}
	for (j = 0; j < ARRAY_SIZE(rows); j++)
		EXPECT_NE(NULL, field_of(&rows[j])) {
			TH_LOG("no field %s.%s", rows[j].structure, rows[j].field);
		}
}

/* The fields leave no gaps between them, and no padding at the end. */
TEST(fields_are_the_whole_structure)
{
	size_t sizes[] = {
		sizeof(struct fence_exporter_query), sizeof(struct fence_exporter_setup),
		sizeof(struct fence_exporter_create), sizeof(struct fence_exporter_signal),
		sizeof(struct fence_exporter_signal_at), sizeof(struct fence_exporter_submit),
		sizeof(struct fence_exporter_info), sizeof(struct fence_exporter_export),
		sizeof(struct fence_exporter_event),
	};
	size_t seen = 0;
	size_t end = 0;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(fields); i++) {
		if (!fields[i].offset) {
			if (i)
				EXPECT_EQ(sizes[seen++], end);
			end = 0;
		}
		EXPECT_EQ(end, fields[i].offset) {
			TH_LOG("before %s.%s", fields[i].structure, fields[i].field);
		}
		end += fields[i].size;
	}
	EXPECT_EQ(sizes[seen++], end);
	EXPECT_EQ(ARRAY_SIZE(sizes), seen);
}

union any {
	struct fence_exporter_setup setup;
	struct fence_exporter_create create;
	struct fence_exporter_signal signal;
	struct fence_exporter_signal_at signal_at;
	struct fence_exporter_submit submit;
	struct fence_exporter_export export;
};

/* The memory and the descriptors that values refer to. */
struct place {
	/* Two pages: the second one is read-only. */
	char *memory;
	long page;
	int fence;
	/*
	 * The fence's descriptor, as often as SUBMIT accepts, and a number for arrays of one
	 * descriptor.
	 */
	__s32 in_fences[FENCE_EXPORTER_MAX_IN_FENCES];
	__s32 number;
};

FIXTURE(fields)
{
	struct place place;
};

FIXTURE_SETUP(fields)
{
	int source = timeline_new("source", 0, 0);
	struct place *place = &self->place;
	unsigned int i;

	place->fence = fence_create(source);
	ASSERT_LE(0, place->fence);
	for (i = 0; i < ARRAY_SIZE(place->in_fences); i++)
		place->in_fences[i] = place->fence;
	place->page = sysconf(_SC_PAGESIZE);
	place->memory = mmap(NULL, 2 * place->page, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, place->memory);
	ASSERT_EQ(0, mprotect(place->memory + place->page, place->page, PROT_READ));
	ASSERT_EQ(0, allow_fds(4096));
}

FIXTURE_TEARDOWN(fields)
{
	munmap(self->place.memory, 2 * self->place.page);
}

static __u64 value_of(struct place *place, const struct row *row, int tl)
{
	__u64 most = module_limits().max_timeout_ns;

	switch (row->special) {
	case MAX_TIMEOUT:
		return most;
	case MAX_TIMEOUT_AND_1:
		return most + 1;
	case MEMORY:
		return (unsigned long)place->memory;
	case READ_ONLY:
		return (unsigned long)(place->memory + place->page);
	case HALF_MAPPED:
		return (unsigned long)(place->memory + place->page - sizeof(__s32));
	case A_NUMBER:
		place->number = row->value;
		break;
	case A_FENCE:
		place->number = place->fence;
		break;
	case A_TIMELINE:
		place->number = tl;
		break;
	case A_FILE:
		place->number = open(ANY_PATH, O_RDONLY | O_CLOEXEC);
		break;
	default:
		return row->value;
	}
	return (unsigned long)&place->number;
}

/* Fills in a call that is valid in all fields. Returns the request. */
static unsigned long good(const struct row *row, union any *arg, const struct place *place)
{
	memset(arg, 0, sizeof(*arg));
	if (!strcmp(row->structure, "setup")) {
		arg->setup = (struct fence_exporter_setup){ .name = "good" };
		return FENCE_EXPORTER_IOC_SETUP;
	}
	if (!strcmp(row->structure, "create")) {
		arg->create.fds = (unsigned long)place->memory;
		arg->create.count = 2;
		return FENCE_EXPORTER_IOC_CREATE;
	}
	if (!strcmp(row->structure, "signal")) {
		arg->signal.seqno = CREATED;
		return FENCE_EXPORTER_IOC_SIGNAL;
	}
	if (!strcmp(row->structure, "signal_at")) {
		arg->signal_at.seqno = CREATED;
		arg->signal_at.time_ns = now_ns() + 3600 * NSEC_PER_SEC;
		return FENCE_EXPORTER_IOC_SIGNAL_AT;
	}
	if (!strcmp(row->structure, "export")) {
		arg->export.seqno = CREATED;
		return FENCE_EXPORTER_IOC_EXPORT;
	}
	arg->submit.in_fences = (unsigned long)place->in_fences;
	arg->submit.in_count = 1;
	return FENCE_EXPORTER_IOC_SUBMIT;
}

/* Returns a new timeline on which the valid call succeeds. */
static int timeline_for(const struct row *row)
{
	int fds[CREATED];
	int tl;

	if (!strcmp(row->structure, "setup"))
		return timeline_open();
	if (!strcmp(row->structure, "submit"))
		return timeline_new("engine", 0, FENCE_EXPORTER_SETUP_ENGINE);
	tl = timeline_new("fields", 0, 0);
	if (tl >= 0 && strcmp(row->structure, "create")) {
		fence_create_many(tl, fds, CREATED);
		fence_signal(tl, SIGNALED, 0);
	}
	return tl;
}

static void fill(struct place *place, const struct row *row, int tl,
		 union any *arg)
{
	const struct field *field = field_of(row);
	char *at = (char *)arg + field->offset;
	__u64 value = value_of(place, row, tl);
	__u32 half = value;

	if (row->name) {
		memset(at, 0, NAME_LEN);
		memcpy(at, row->name, strnlen(row->name, NAME_LEN));
	} else if (field->size == sizeof(half)) {
		memcpy(at, &half, sizeof(half));
	} else {
		memcpy(at, &value, sizeof(value));
	}
}

TEST_F_TIMEOUT(fields, each_value, 120)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct row *row = &rows[i];
		int tl = timeline_for(row);
		unsigned long request;
		struct snapshot before;
		union any arg;

		ASSERT_LE(0, tl);
		request = good(row, &arg, &self->place);
		fill(&self->place, row, tl, &arg);
		before = snapshot(tl);
		EXPECT_EQ(row->answer, call(tl, request, &arg)) {
			TH_LOG("%s.%s = %#llx", row->structure, row->field, row->value);
		}
		if (row->answer)
			EXPECT_TRUE(unchanged(tl, &before)) {
				TH_LOG("%s.%s = %#llx", row->structure, row->field, row->value);
			}
		close(tl);
		close_range(64, ~0U, 0);
	}
	ksft_print_msg("%zu values of %zu fields\n", ARRAY_SIZE(rows), ARRAY_SIZE(fields));
}

TEST_HARNESS_MAIN

// SPDX-License-Identifier: GPL-2.0
/*
 * The structures may grow: the ioctl number has the size of the caller's structure. The
 * missing fields of an older caller read as zero. The additional bytes of a newer caller
 * must be zero.
 */
#include <sys/mman.h>

#include "fence.h"
#include "harness.h"

/* Returns @request as a caller sees it whose structure has @size bytes. */
static unsigned long resized(unsigned long request, size_t size)
{
	return _IOC(_IOC_DIR(request), _IOC_TYPE(request), _IOC_NR(request), size);
}

#define GUARD	0x5a

FIXTURE(struct_size)
{
	/* The caller's structure, and the memory after it. */
	union {
		struct fence_exporter_setup setup;
		struct fence_exporter_create create;
		struct fence_exporter_signal signal;
		struct fence_exporter_signal_at signal_at;
		struct fence_exporter_submit submit;
		struct fence_exporter_info info;
		struct fence_exporter_query query;
		struct fence_exporter_export export;
		unsigned char bytes[512];
	} arg;
	int fds[2];
	int tl;
};

FIXTURE_SETUP(struct_size)
{
	self->tl = timeline_open();
	ASSERT_LE(0, self->tl);
	memset(&self->arg, 0, sizeof(self->arg));
}

FIXTURE_TEARDOWN(struct_size)
{
}

static bool is_guarded(const unsigned char *bytes, size_t from, size_t to)
{
	for (; from < to; from++) {
		if (bytes[from] != GUARD)
			return false;
	}
	return true;
}

static bool is_zero(const unsigned char *bytes, size_t from, size_t to)
{
	for (; from < to; from++) {
		if (bytes[from])
			return false;
	}
	return true;
}

/* If the timeout and the flags are missing, the defaults apply. */
TEST_F(struct_size, smaller_setup)
{
	static const size_t sizes[] = { 32, 40, 44 };
	struct fence_exporter_info info;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		int tl = timeline_open();

		/* The bytes after the structure are not zero, but the driver does not read them. */
		memset(&self->arg, GUARD, sizeof(self->arg));
		memset(&self->arg, 0, sizes[i]);
		memcpy(self->arg.setup.name, "old", 4);
		EXPECT_EQ(0, call(tl, resized(FENCE_EXPORTER_IOC_SETUP, sizes[i]),
				  &self->arg));
		info = timeline_state(tl);
		EXPECT_STREQ("old", info.name);
		EXPECT_EQ(0, info.flags);
		EXPECT_EQ(module_limits().default_timeout_ns,
			  info.timeout_ns);
		close(tl);
	}
}

TEST_F(struct_size, smaller_create)
{
	memset(&self->arg, GUARD, sizeof(self->arg));
	self->arg.create.fds = (unsigned long)self->fds;
	self->arg.create.count = 2;
	self->arg.create.flags = 0;
	EXPECT_EQ(0, call(self->tl, resized(FENCE_EXPORTER_IOC_CREATE, 16),
			  &self->arg));
	/* The structure has no room for the number, so the driver does not write it. */
	EXPECT_TRUE(is_guarded(self->arg.bytes, 16, sizeof(self->arg)));
	EXPECT_EQ(0, fence_status(self->fds[1]));
	EXPECT_EQ(2, timeline_state(self->tl).last_seqno);
}

TEST_F(struct_size, smaller_signal)
{
	self->fds[0] = fence_create(self->tl);
	memset(&self->arg, GUARD, sizeof(self->arg));
	self->arg.signal.seqno = 1;
	EXPECT_EQ(0, call(self->tl, resized(FENCE_EXPORTER_IOC_SIGNAL, 8),
			  &self->arg));
	EXPECT_TRUE(is_guarded(self->arg.bytes, 8, sizeof(self->arg)));
	EXPECT_EQ(1, fence_status(self->fds[0]));
}

TEST_F(struct_size, smaller_info)
{
	size_t size;

	ASSERT_EQ(0, timeline_setup(self->tl, "0123456789", 0, 0));
	for (size = 8; size < sizeof(struct fence_exporter_info); size += 4) {
		struct fence_exporter_info info = timeline_state(self->tl);

		memset(&self->arg, GUARD, sizeof(self->arg));
		ASSERT_EQ(0, call(self->tl,
				  resized(FENCE_EXPORTER_IOC_INFO, size),
				  &self->arg));
		EXPECT_EQ(0, memcmp(&info, &self->arg, size));
		EXPECT_TRUE(is_guarded(self->arg.bytes, size, sizeof(self->arg))) {
			TH_LOG("with %zu bytes", size);
		}
	}
}

/* The size that INFO had in the first version: up to event_mask. */
#define FIRST_INFO	112

TEST_F(struct_size, first_info)
{
	struct fence_exporter_info info;
	size_t size;

	ASSERT_EQ(offsetof(struct fence_exporter_info, failed), FIRST_INFO);
	ASSERT_EQ(3, 2 + fence_create_many(self->tl, self->fds, 2));
	ASSERT_EQ(1, fence_signal(self->tl, 1, -EIO));
	info = timeline_state(self->tl);
	ASSERT_EQ(1, info.failed);
	memset(&self->arg, GUARD, sizeof(self->arg));
	ASSERT_EQ(0, call(self->tl, resized(FENCE_EXPORTER_IOC_INFO, FIRST_INFO), &self->arg));
	EXPECT_EQ(0, memcmp(&info, &self->arg, FIRST_INFO));
	EXPECT_TRUE(is_guarded(self->arg.bytes, FIRST_INFO, sizeof(self->arg)));
	/* Callers that know some of the fields that were added, and those that know more. */
	for (size = FIRST_INFO; size <= sizeof(info) + 8; size += 4) {
		size_t known = size < sizeof(info) ? size : sizeof(info);

		memset(&self->arg, GUARD, sizeof(self->arg));
		ASSERT_EQ(0, call(self->tl, resized(FENCE_EXPORTER_IOC_INFO, size), &self->arg));
		EXPECT_EQ(0, memcmp(&info, &self->arg, known));
		EXPECT_TRUE(is_zero(self->arg.bytes, known, size));
		EXPECT_TRUE(is_guarded(self->arg.bytes, size, sizeof(self->arg)));
	}
}

TEST_F(struct_size, larger_setup)
{
	memcpy(self->arg.setup.name, "new", 4);
	EXPECT_EQ(0, call(self->tl, resized(FENCE_EXPORTER_IOC_SETUP, 200),
			  &self->arg));
	EXPECT_TRUE(timeline_is_named(self->tl, "new"));
}

TEST_F(struct_size, larger_create)
{
	self->arg.create.fds = (unsigned long)self->fds;
	self->arg.create.count = 1;
	EXPECT_EQ(0, call(self->tl, resized(FENCE_EXPORTER_IOC_CREATE, 64),
			  &self->arg));
	EXPECT_EQ(1, self->arg.create.first_seqno);
	EXPECT_TRUE(is_zero(self->arg.bytes, sizeof(self->arg.create), 64));
	EXPECT_EQ(0, fence_status(self->fds[0]));
}

TEST_F(struct_size, larger_info)
{
	EXPECT_EQ(0, call(self->tl, resized(FENCE_EXPORTER_IOC_INFO, 256),
			  &self->arg));
	EXPECT_NE(0, self->arg.info.context);
	EXPECT_TRUE(is_zero(self->arg.bytes, sizeof(self->arg.info), 512));
}

/* A newer caller sets a field that this driver does not know. The call is refused. */
TEST_F(struct_size, larger_and_not_zero)
{
	static const struct {
		unsigned long request;
		size_t size;
	} calls[] = {
		{ FENCE_EXPORTER_IOC_SETUP, sizeof(struct fence_exporter_setup) },
		{ FENCE_EXPORTER_IOC_CREATE, sizeof(struct fence_exporter_create) },
		{ FENCE_EXPORTER_IOC_SIGNAL, sizeof(struct fence_exporter_signal) },
		{ FENCE_EXPORTER_IOC_SIGNAL_AT,
		  sizeof(struct fence_exporter_signal_at) },
		{ FENCE_EXPORTER_IOC_SUBMIT, sizeof(struct fence_exporter_submit) },
		{ FENCE_EXPORTER_IOC_EXPORT, sizeof(struct fence_exporter_export) },
	};
	struct snapshot before = snapshot(self->tl);
	unsigned int i;
	size_t at;

	for (i = 0; i < ARRAY_SIZE(calls); i++) {
		size_t size = calls[i].size;

		/* Sets the first byte, the last one, and one far behind them. */
		for (at = size; at < 400; at += at == size ? 7 : 160) {
			memset(&self->arg, 0, sizeof(self->arg));
			self->arg.bytes[at] = 1;
			EXPECT_EQ(-E2BIG,
				  call(self->tl, resized(calls[i].request, at + 1),
				       &self->arg)) {
				TH_LOG("call %u, byte %zu", i, at);
			}
		}
	}
	EXPECT_TRUE(unchanged(self->tl, &before));
}

/* CREATE checks the unknown bytes before it creates anything. */
TEST_F(struct_size, refused_create_made_nothing)
{
	struct snapshot before = snapshot(self->tl);

	self->arg.create.fds = (unsigned long)self->fds;
	self->arg.create.count = 2;
	self->arg.bytes[60] = 1;
	EXPECT_EQ(-E2BIG, call(self->tl, resized(FENCE_EXPORTER_IOC_CREATE, 64),
			       &self->arg));
	EXPECT_TRUE(unchanged(self->tl, &before));
}

/*
 * The structure has the largest size that an ioctl number can hold, but only the known part is
 * mapped.
 */
TEST_F(struct_size, larger_than_memory)
{
	long page = sysconf(_SC_PAGESIZE);
	unsigned char *map = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct snapshot before = snapshot(self->tl);
	struct fence_exporter_setup *setup;

	ASSERT_NE(MAP_FAILED, map);
	ASSERT_EQ(0, munmap(map + page, page));
	setup = (void *)(map + page - sizeof(*setup));
	memcpy(setup->name, "edge", 5);
	EXPECT_EQ(-EFAULT, call(self->tl, resized(FENCE_EXPORTER_IOC_SETUP, 8191),
				setup));
	EXPECT_TRUE(unchanged(self->tl, &before));
	EXPECT_EQ(0, call(self->tl, FENCE_EXPORTER_IOC_SETUP, setup));
}

/*
 * The driver identifies a call by type and number. The direction may differ, because a structure
 * may get fields of the other direction.
 */
TEST_F(struct_size, other_directions)
{
	unsigned int dir;

	for (dir = 0; dir < 4; dir++) {
		memset(&self->arg, 0, sizeof(self->arg));
		ASSERT_EQ(0, call(self->tl, _IOC(dir, FENCE_EXPORTER_IOC_MAGIC, 5,
						 sizeof(self->arg.info)), &self->arg));
		EXPECT_NE(0, self->arg.info.context);
		memset(&self->arg, 0, sizeof(self->arg));
		EXPECT_EQ(0, call(self->tl, _IOC(dir, FENCE_EXPORTER_IOC_MAGIC, 2,
						 sizeof(self->arg.signal)), &self->arg));
	}
}

TEST_F(struct_size, other_sizes_of_query)
{
	struct fence_exporter_query query = module_limits();
	size_t size;

	for (size = 8; size <= 200; size += 4) {
		size_t known = size < sizeof(query) ? size : sizeof(query);

		memset(&self->arg, GUARD, sizeof(self->arg));
		ASSERT_EQ(0, call(self->tl, resized(FENCE_EXPORTER_IOC_QUERY, size), &self->arg));
		EXPECT_EQ(0, memcmp(&query, &self->arg, known));
		EXPECT_TRUE(is_zero(self->arg.bytes, known, size));
		EXPECT_TRUE(is_guarded(self->arg.bytes, size, sizeof(self->arg))) {
			TH_LOG("with %zu bytes", size);
		}
	}
}

TEST_F(struct_size, unknown_calls)
{
	struct snapshot before = snapshot(self->tl);
	unsigned int nr;

	for (nr = 8; nr < 256; nr++)
		EXPECT_EQ(-ENOTTY, call(self->tl, _IOC(_IOC_READ | _IOC_WRITE,
						       FENCE_EXPORTER_IOC_MAGIC,
						       nr, 24), &self->arg));
	/* The same numbers with the type of another driver. */
	for (nr = 0; nr < 8; nr++)
		EXPECT_EQ(-ENOTTY, call(self->tl, _IOC(_IOC_READ | _IOC_WRITE, 'W',
						       nr, 24), &self->arg));
	EXPECT_TRUE(unchanged(self->tl, &before));
}

TEST_HARNESS_MAIN

// SPDX-License-Identifier: GPL-2.0
/* Tests the program in README.md, which tests/Makefile extracts. */
#define main readme_main
#include "readme.c"
#undef main

#include <string.h>
#include <unistd.h>
#include <sys/mman.h>

#include <kselftest_harness.h>

TEST(prints_what_it_says)
{
	char said[64] = {};
	int usual = dup(STDOUT_FILENO), file = memfd_create("said", 0);
	int status;

	ASSERT_LE(0, usual);
	ASSERT_LE(0, file);
	fflush(stdout);
	ASSERT_EQ(STDOUT_FILENO, dup2(file, STDOUT_FILENO));
	status = readme_main();
	fflush(stdout);
	ASSERT_EQ(STDOUT_FILENO, dup2(usual, STDOUT_FILENO));
	EXPECT_EQ(0, status);
	ASSERT_LE(0, pread(file, said, sizeof(said) - 1, 0));
	EXPECT_STREQ("status 0, then 1\n", said);
}

TEST_HARNESS_MAIN

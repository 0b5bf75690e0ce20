// SPDX-License-Identifier: GPL-2.0
/*
 * Prints the lines of the demo. Each line is one write(2), so that the lines of two
 * processes don't mix.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fence.h"
#include "say.h"

static const char *name = "";
static __u64 start;

void speaker(const char *who)
{
	name = who;
	if (!start)
		start = now_ns();
}

static void print_line(const char *lead, const char *format, va_list args)
{
	char line[512];
	size_t at = snprintf(line, sizeof(line), "%s", lead);

	at += vsnprintf(line + at, sizeof(line) - at - 1, format, args);
	if (at > sizeof(line) - 2)
		at = sizeof(line) - 2;
	line[at++] = '\n';
	if (write(STDOUT_FILENO, line, at) < 0)
		exit(1);
}

void say(const char *format, ...)
{
	__u64 past = now_ns() - start;
	char lead[32];
	va_list args;

	snprintf(lead, sizeof(lead), "%5llu.%03llu ms  %s  ", past / NSEC_PER_MSEC,
		 past % NSEC_PER_MSEC / 1000, name);
	va_start(args, format);
	print_line(lead, format, args);
	va_end(args);
}

void detail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print_line("                 ", format, args);
	va_end(args);
}

void chapter(const char *title)
{
	char line[128];

	snprintf(line, sizeof(line), "\n%s\n", title);
	if (write(STDOUT_FILENO, line, strlen(line)) < 0)
		exit(1);
}

void expect(bool as_expected, const char *expected, const char *seen, ...)
{
	char lead[320];
	va_list args;

	if (as_expected)
		return;
	snprintf(lead, sizeof(lead),
		 "\nFAILED in process %s.\n  expected: %s\n  seen:     ", name,
		 expected);
	va_start(args, seen);
	print_line(lead, seen, args);
	va_end(args);
	exit(1);
}

const char *error_text(int error)
{
	static char text[96];

	error = error < 0 ? -error : error;
	snprintf(text, sizeof(text), "%s (%s)", strerrorname_np(error) ?: "?",
		 strerror(error));
	return text;
}

// SPDX-License-Identifier: GPL-2.0
#include <string.h>

#include "output.h"

FILE *output_open(const char *plugin, int argc, char **argv)
{
	FILE *out;

	if (argc != 1 || strncmp(argv[0], "out=", 4)) {
		fprintf(stderr, "%s: with out=FILE\n", plugin);
		return NULL;
	}
	out = fopen(argv[0] + 4, "w");
	if (!out)
		perror(argv[0]);
	return out;
}

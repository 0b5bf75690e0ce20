// SPDX-License-Identifier: GPL-2.0
/* Makes programs from a seed, changes them, writes them as hexadecimal digits, and reads them. */
#include <stdio.h>
#include <string.h>

#include "fuzz.h"

/* The splitmix64 generator (Steele, Lea, Flood). */
__u32 draw(struct rng *rng)
{
	__u64 z = rng->state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return (z ^ (z >> 31)) >> 32;
}

static bool one_in(struct rng *rng, unsigned int count)
{
	return draw(rng) % count == 0;
}

static __u8 draw_call(struct rng *rng)
{
	unsigned int total = 0;
	unsigned int i;
	unsigned int at;

	for (i = 0; i < call_count; i++)
		total += call_weight(i);
	at = draw(rng) % total;
	for (i = 0; at >= call_weight(i); i++)
		at -= call_weight(i);
	return i;
}

/* Most values that matter are small, or are at the end of a range. */
static __u32 draw_value(struct rng *rng)
{
	switch (draw(rng) % 8) {
	case 0:
		return draw(rng);
	case 1:
		return -(draw(rng) % 4);
	case 2:
		return 1U << draw(rng) % 32;
	case 3:
		return draw(rng) % 256;
	default:
		return draw(rng) % 8;
	}
}

static __u8 draw_how(struct rng *rng)
{
	__u8 how = draw(rng) & ~(HOW_POINTER | HOW_SIZE | HOW_ANY_KIND);

	if (one_in(rng, 12))
		how |= draw(rng) & HOW_POINTER;
	if (one_in(rng, 16))
		how |= HOW_SIZE;
	if (one_in(rng, 16))
		how |= HOW_ANY_KIND;
	return how;
}

static void draw_step(struct rng *rng, struct step *step)
{
	step->call = draw_call(rng);
	/* Most steps use one of a few slots. So steps often work on the same slots. */
	step->a = draw(rng) % (one_in(rng, 4) ? SLOTS : 3);
	step->b = draw(rng) % (one_in(rng, 4) ? SLOTS : 3);
	step->how = draw_how(rng);
	step->value = draw_value(rng);
}

static void insert_step(struct rng *rng, struct program *program)
{
	unsigned int at = draw(rng) % (program->length + 1);

	if (program->length == MOST_STEPS)
		return;
	memmove(&program->steps[at + 1], &program->steps[at],
		(program->length - at) * sizeof(*program->steps));
	draw_step(rng, &program->steps[at]);
	program->length++;
}

static void remove_step(struct rng *rng, struct program *program)
{
	unsigned int at = draw(rng) % program->length;

	if (program->length == 1)
		return;
	memmove(&program->steps[at], &program->steps[at + 1],
		(program->length - at - 1) * sizeof(*program->steps));
	program->length--;
}

static void change_step(struct rng *rng, struct program *program)
{
	struct step *step = &program->steps[draw(rng) % program->length];
	struct step other;

	draw_step(rng, &other);
	switch (draw(rng) % 5) {
	case 0:
		step->a = other.a;
		break;
	case 1:
		step->b = other.b;
		break;
	case 2:
		step->how = other.how;
		break;
	case 3:
		*step = other;
		break;
	default:
		step->value = one_in(rng, 2) ? other.value : step->value + 1;
	}
}

/* Replaces the end of @program by the end of @other. */
static void cross(struct rng *rng, struct program *program,
		  const struct program *other)
{
	unsigned int from = draw(rng) % other->length;
	unsigned int at = draw(rng) % program->length;

	while (at < MOST_STEPS && from < other->length)
		program->steps[at++] = other->steps[from++];
	program->length = at;
}

static void change(struct rng *rng, struct program *program,
		   const struct program *corpus, unsigned int kept)
{
	switch (draw(rng) % 8) {
	case 0:
		remove_step(rng, program);
		break;
	case 1:
	case 2:
		insert_step(rng, program);
		break;
	case 3:
		cross(rng, program, &corpus[draw(rng) % kept]);
		break;
	case 4:
		program->split = draw(rng) % (2 * MOST_STEPS);
		break;
	default:
		change_step(rng, program);
	}
}

void program_draw(struct program *program, __u32 seed,
		  const struct program *corpus, unsigned int kept)
{
	struct rng rng = { .state = seed };
	unsigned int i;

	if (kept && !one_in(&rng, 4)) {
		*program = corpus[draw(&rng) % kept];
		for (i = 1 + draw(&rng) % 4; i; i--)
			change(&rng, program, corpus, kept);
		return;
	}
	memset(program, 0, sizeof(*program));
	program->length = 1 + draw(&rng) % MOST_STEPS;
	program->split = draw(&rng) % (2 * MOST_STEPS);
	for (i = 0; i < program->length; i++)
		draw_step(&rng, &program->steps[i]);
	/*
	 * Most calls need a timeline, so each program begins by opening one. SETUP is possible only
	 * before the first fence, so it comes next in half of the programs.
	 */
	program->steps[0].call = one_in(&rng, 4) ? CALL_OPEN_COMPAT : CALL_OPEN;
	program->steps[0].b = 0;
	if (program->length > 1 && one_in(&rng, 2)) {
		program->steps[1].call = CALL_SETUP;
		program->steps[1].a = 0;
	}
}

void program_print(const struct program *program, char *text, size_t size)
{
	const __u8 *bytes = (const __u8 *)program;
	size_t length = offsetof(struct program, steps[program->length]);
	size_t i;

	for (i = 0; i < length && 2 * i + 2 < size; i++)
		snprintf(text + 2 * i, 3, "%02x", bytes[i]);
}

bool program_parse(struct program *program, const char *text)
{
	__u8 *bytes = (__u8 *)program;
	unsigned int byte;
	size_t i;

	memset(program, 0, sizeof(*program));
	for (i = 0; i < sizeof(*program); i++) {
		if (sscanf(text + 2 * i, "%2x", &byte) != 1)
			break;
		bytes[i] = byte;
	}
	if (!program->length || program->length > MOST_STEPS ||
	    i != offsetof(struct program, steps[program->length]))
		return false;
	for (i = 0; i < program->length; i++)
		program->steps[i].call %= call_count;
	return true;
}

// SPDX-License-Identifier: GPL-2.0
#include <string.h>

#include "irqs.h"

#define PLACES	1024
#define NESTED	64
/* local_irq_save() reads the state, and turns interrupts off within this many instructions. */
#define SAVE_DISTANCE 6

/* All stretches with interrupts off that began at one place. */
struct place {
	__u64 begin;
	__u64 end;
	__u64 longest;
	__u64 times;
};

static struct place places[PLACES];
static bool counting;
static bool off;
static __u64 off_since, off_at;
/* The states that local_irq_restore() will restore. The innermost one is the last. */
static bool saved[NESTED];
static unsigned int n_saved;
static __u64 read_at;

static struct place *place_of(__u64 begin)
{
	unsigned int i = (begin >> 1) % PLACES;
	unsigned int tries;

	for (tries = 0; tries < PLACES; tries++, i = (i + 1) % PLACES) {
		if (places[i].begin == begin)
			return &places[i];
		if (!places[i].begin) {
			places[i].begin = begin;
			return &places[i];
		}
	}
	/* All entries are in use. This one then also counts other places. */
	return &places[i];
}

static void turn_off(__u64 vaddr, __u64 now)
{
	if (off)
		return;
	off = true;
	off_since = now;
	off_at = vaddr;
}

static void turn_on(__u64 vaddr, __u64 now)
{
	struct place *place;

	if (!off)
		return;
	off = false;
	if (!counting)
		return;
	place = place_of(off_at);
	place->times++;
	if (now - off_since > place->longest) {
		place->longest = now - off_since;
		place->end = vaddr;
	}
}

void irqs_follow(enum kind kind, __u64 vaddr, __u64 now)
{
	switch (kind) {
	case IRQ_SAVE:
		read_at = now;
		break;
	case IRQ_OFF:
		if (read_at && now - read_at <= SAVE_DISTANCE && n_saved < NESTED)
			saved[n_saved++] = off;
		read_at = 0;
		turn_off(vaddr, now);
		break;
	case IRQ_RESTORE:
		if (!n_saved || !saved[--n_saved])
			turn_on(vaddr, now);
		break;
	case IRQ_ON:
		turn_on(vaddr, now);
		break;
	case TO_KERNEL:
		n_saved = 0;
		turn_off(vaddr, now);
		break;
	case FROM_KERNEL:
		/* A handler or a system call ends. The driver did not turn these interrupts off. */
		n_saved = 0;
		off = false;
		break;
	default:
		break;
	}
}

void irqs_count(bool wanted)
{
	counting = wanted;
}

void irqs_report(FILE *out)
{
	unsigned int i;

	for (i = 0; i < PLACES; i++)
		if (places[i].times)
			fprintf(out, "off %llx %llx %llu %llu\n",
				(unsigned long long)places[i].begin,
				(unsigned long long)places[i].end,
				(unsigned long long)places[i].longest,
				(unsigned long long)places[i].times);
	memset(places, 0, sizeof(places));
}

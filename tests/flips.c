// SPDX-License-Identifier: GPL-2.0
/*
 * Shows pictures on the display of vkms, for the test of `fencectl trace` and for a picture
 * in the documentation. The program does not depend on fencectl. It exits with 4 if there is
 * no vkms.
 *
 * Each picture has two fences. Its in-fence, a fence of the module's, signals when the
 * picture is drawn; the display waits for it. Its out-fence, a fence of DRM's, signals when
 * the display shows the picture; the program waits for it, and then begins the next picture.
 *
 * Prints what the recording must say of each fence (recorded.h). The program must be the
 * first one since the boot that asks for out-fences, because DRM counts them.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "fence.h"
#include "kms.h"
#include "recorded.h"

#define PICTURES	10
/* How long it takes to draw a picture, and how long this picture takes, which misses a vblank. */
#define DRAW		(6 * NSEC_PER_MSEC)
#define SLOW		3
#define DRAW_SLOW	(24 * NSEC_PER_MSEC)
/* The GPU fails to draw this picture, and hangs in that one. */
#define FAILED		5
#define HUNG		7
#define HUNG_TIMEOUT	(40 * NSEC_PER_MSEC)

#define SKIPPED		4

struct picture {
	int in;
	int out;
	char deadlines[256];
};

/* Collects the deadlines that the display has set on the only pending fence of a timeline. */
static void read_deadlines(int tl, struct picture *picture)
{
	struct fence_exporter_event event;
	__u64 last = 0;
	size_t used = 0;

	while (must("read an event", timeline_event(tl, &event, 0)))
		if (event.type == FENCE_EXPORTER_EVENT_DEADLINE && event.value != last) {
			last = event.value;
			used += snprintf(picture->deadlines + used,
					 sizeof(picture->deadlines) - used,
					 "%s%llu", used ? "," : "", last);
		}
}

static void show(struct kms *kms, int gpu, int hung, unsigned int number, struct picture *picture)
{
	__u64 drawn = now_ns() + (number == SLOW ? DRAW_SLOW : DRAW);
	int tl = number == HUNG ? hung : gpu;

	picture->in = must("create", fence_create(tl));
	if (number != HUNG)
		must("signal", fence_signal_at(gpu, number < HUNG ? number : number - 1, drawn,
					       number == FAILED ? -EIO : 0));
	must("flip", kms_flip_to(kms, number % 2, picture->in, &picture->out));
	signaled(picture->out);
	read_deadlines(tl, picture);
}

int main(void)
{
	static struct picture pictures[PICTURES + 1];
	struct kms kms;
	char display[32];
	int gpu, hung, ret = kms_open(&kms, "vkms");
	unsigned int i;
	__u64 shown;

	if (ret == -ENOENT) {
		puts("there is no vkms");
		return SKIPPED;
	}
	must("open the display", ret);
	must("switch on the display", kms_enable(&kms));
	snprintf(display, sizeof(display), "CRTC:%u-crtc-0", kms.crtc);
	gpu = must("set up a timeline", timeline_new("gpu", 0, FENCE_EXPORTER_SETUP_EVENTS));
	hung = must("set up a timeline",
		    timeline_new("hung gpu", HUNG_TIMEOUT, FENCE_EXPORTER_SETUP_EVENTS));
	/* The first flip after the boot takes longer. This one has no fences. */
	must("flip", kms_flip(&kms, 1, -1));
	if (!must("wait for the flip", kms_flipped(&kms, LONG_MS, &shown)))
		must("wait for the flip", -ETIME);
	for (i = 1; i <= PICTURES; i++)
		show(&kms, gpu, hung, i, &pictures[i]);

	for (i = 1; i <= PICTURES; i++) {
		if (i == HUNG)
			expect("hung gpu", 1, pictures[i].in, "timed_out", pictures[i].deadlines);
		else
			expect("gpu", i < HUNG ? i : i - 1, pictures[i].in, "done",
			       pictures[i].deadlines);
		expect_unknown(display, i);
	}
	return 0;
}

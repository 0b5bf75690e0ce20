/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The parts of the fuzzer.
 *
 *   program.c  what is run: drawn, changed, written down
 *   calls.c    what each step of a program does, and what it may answer
 *   calls_*.c  the calls, by what they are for; calls.h says which are where
 *   thread.c   one thread that runs steps: its memory, its timer, its faults
 *   cover.c    which places of the module a program has reached
 *   watch.c    looks after the processes
 *   fuzz.c     the processes, and what they share
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>
#include <linux/types.h>
#include <sys/types.h>

#include "uring.h"

#define MOST_WORKERS	16
#define MOST_STEPS	20
#define MOST_KEPT	4096
/* Bytes of the module's text that coverage is kept for. */
#define MOST_TEXT	(1U << 19)

/* What a slot is meant to hold; a step may ask for the wrong one. */
enum kind { TIMELINE, FENCE, COMPAT, KINDS };

#define SLOTS_OF_A_KIND	8
#define SLOTS		(KINDS * SLOTS_OF_A_KIND)
/* Descriptors that a worker may have: more than the fences that may be pending (128). */
#define MOST_FDS	150
/* More than that, so that it is met. */
#define HOARD		200

/* One call. All four bytes and the value mean something for any call. */
struct step {
	__u8 call;
	/* Slots: what it works on, where its result goes. */
	__u8 a;
	__u8 b;
	/* HOW_*, and the rest is the call's. */
	__u8 how;
	__u32 value;
};

/* Low three bits: the kind of pointer. */
#define HOW_POINTER	7
#define HOW_SIZE	(1 << 3)
#define HOW_ANY_KIND	(1 << 4)

struct program {
	__u8 length;
	/* From here on, a second thread runs the steps at the same time. */
	__u8 split;
	struct step steps[MOST_STEPS];
};

/* What all processes of a run share. */
struct shared {
	atomic_ulong calls;
	atomic_ulong programs;
	atomic_ulong faults;
	/* Answers that the interface doesn't have. */
	atomic_ulong odd;
	atomic_bool stop;
	/* For one worker: says what each call answers. */
	bool telling;
	/* When each worker has ended its last program. */
	atomic_ullong ended[MOST_WORKERS];
	atomic_uint kept;
	struct program corpus[MOST_KEPT];
	/* Whether it reached something when it was run first. */
	atomic_bool useful[MOST_KEPT];
	/* Which of them are run before anything is drawn. */
	atomic_uint next_given;
	unsigned int given;
	atomic_bool keeping;
	/* Some program has turned tracing on. */
	atomic_bool traced;
	atomic_uchar covered[MOST_TEXT];
	atomic_uint points;
	/* The module's parameter. */
	__u64 max_pending;
};

/* What the two threads of a worker share. */
struct worker {
	int number;
	atomic_int slots[SLOTS];
	/* Fences that are kept open, and no step asks for. */
	atomic_int hoard[HOARD];
	atomic_uint hoarded;
	/* A buffer that all workers attach fences to. */
	int buffer;
	/* A display that all workers share. */
	struct kms *kms;
	int epoll;
	/* An epoll that may have the other one in it. */
	int nested;
	int send;
	int receive;
	struct shared *shared;
	/* Those of its threads. */
	struct uring *rings[2];
};

struct thread {
	struct worker *worker;
	/* A child that a step forks has none: its fd is -1. */
	struct uring ring;
	const char *name;
	/* Memory that may be read and written, and an unmapped page behind it. */
	char *memory;
	/* The same memory, which may only be read. */
	char *read_only;
	timer_t timer;
	int fail_nth;
	int armed;
	unsigned long calls;
	/* Of KCOV: an array of addresses, the first is their number. */
	unsigned long *trace;
	int kcov;
};

/* program.c */
struct rng {
	__u64 state;
};

__u32 draw(struct rng *rng);
/* The program that a seed stands for while the corpus has @kept programs. */
void program_draw(struct program *program, __u32 seed,
		  const struct program *corpus, unsigned int kept);
void program_print(const struct program *program, char *text, size_t size);
bool program_parse(struct program *program, const char *text);

/* calls.c */
extern const unsigned int call_count;
/* What a program may begin with. */
enum { CALL_OPEN, CALL_OPEN_COMPAT, CALL_SETUP };
/* Runs the steps [from, to). */
void run_steps(struct thread *thread, const struct program *program,
	       unsigned int from, unsigned int to);
void close_slots(struct thread *thread);
/* Says a program's steps as words. */
void explain(const struct program *program);
/* How often a call is drawn, of 1000 or so. */
unsigned int call_weight(unsigned int call);

/* thread.c */
#define MEMORY		20480

int thread_init(struct thread *thread, struct worker *worker);
void thread_arm(struct thread *thread, unsigned int nth);
void thread_disarm(struct thread *thread);
/* Signals come until the next call of it with false. */
void thread_interrupt(struct thread *thread, bool on);
/* A pointer to @size bytes of @data, good or bad as @how says. */
void *thread_pointer(struct thread *thread, const void *data, size_t size,
		     __u8 how);

/* cover.c */
int cover_init(void);
int cover_open(struct thread *thread);
void cover_start(struct thread *thread);
/* How many places nobody had reached before. */
unsigned int cover_take(struct thread *thread);

/* watch.c */
void watch_begin(void);
/* Says how far the run is, on a line that begins with @mark. */
void watch_tell(const struct shared *shared, const char *mark);
/*
 * Returns after @most calls, or after @seconds if these were at @least so many by then;
 * or not 0 if a worker has died or is stuck.
 */
int watch(struct shared *shared, const pid_t *pids, unsigned int workers,
	  unsigned long most, unsigned long least, unsigned long seconds);
/* Stops the workers, and returns not 0 if one can't be. */
int watch_end(struct shared *shared, const pid_t *pids, unsigned int workers);

#endif

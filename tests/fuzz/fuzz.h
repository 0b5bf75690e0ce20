/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The parts of the fuzzer.
 *
 *   program.c  makes, changes, writes and reads programs
 *   calls.c    the table of calls: what a step does, and its possible errors
 *   calls_*.c  the calls, by subject; calls.h says which file has which
 *   thread.c   a thread that runs steps: its memory, its timer, its faults
 *   cover.c    the coverage of a program
 *   watch.c    watches the processes
 *   fuzz.c     the processes, and their shared memory
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
/* The number of bytes of the module's text for which coverage is recorded. */
#define MOST_TEXT	(1U << 19)

/* The kinds of slots. A step may ask for a slot of the wrong kind. */
enum kind { TIMELINE, FENCE, COMPAT, KINDS };

#define SLOTS_OF_A_KIND	8
#define SLOTS		(KINDS * SLOTS_OF_A_KIND)
/* The number of descriptors that a worker may have: more than fences may be pending (128). */
#define MOST_FDS	150
/* More than MOST_FDS, so that programs reach the limit. */
#define HOARD		200

/* One call. Every combination of the four bytes and the value is valid for every call. */
struct step {
	__u8 call;
	/* Slots: @a is what the call works on, and @b is where its result goes. */
	__u8 a;
	__u8 b;
	/* HOW_*. The call chooses the meaning of the other bits. */
	__u8 how;
	__u32 value;
};

/* The low three bits are the kind of pointer. */
#define HOW_POINTER	7
#define HOW_SIZE	(1 << 3)
#define HOW_ANY_KIND	(1 << 4)

struct program {
	__u8 length;
	/* From this step on, the second thread runs the steps at the same time. */
	__u8 split;
	struct step steps[MOST_STEPS];
};

/* Data that all processes of a run share. */
struct shared {
	atomic_ulong calls;
	atomic_ulong programs;
	atomic_ulong faults;
	/* The number of answers that the interface does not allow. */
	atomic_ulong odd;
	atomic_bool stop;
	/* Only with one worker: prints the answer of each call. */
	bool telling;
	/* When each worker has finished its last program. */
	atomic_ullong ended[MOST_WORKERS];
	atomic_uint kept;
	struct program corpus[MOST_KEPT];
	/* Whether the program reached new code in its first run. */
	atomic_bool useful[MOST_KEPT];
	/* The next program of the given corpus, whose programs run before random ones. */
	atomic_uint next_given;
	unsigned int given;
	atomic_bool keeping;
	/* Whether some program has turned tracing on. */
	atomic_bool traced;
	atomic_uchar covered[MOST_TEXT];
	atomic_uint points;
	/* The value of the module's parameter. */
	__u64 max_pending;
};

/* Data that the two threads of a worker share. */
struct worker {
	int number;
	atomic_int slots[SLOTS];
	/* Fences that stay open, and that no step uses. */
	atomic_int hoard[HOARD];
	atomic_uint hoarded;
	/* A buffer to which all workers attach fences. */
	int buffer;
	/* A display that all workers share. */
	struct kms *kms;
	int epoll;
	/* Another epoll, which may contain @epoll or be in it. */
	int nested;
	int send;
	int receive;
	struct shared *shared;
	/* The rings of the two threads. */
	struct uring *rings[2];
};

struct thread {
	struct worker *worker;
	/* The fd is -1 in a child that a step forks, because such a child has no ring. */
	struct uring ring;
	const char *name;
	/* Readable and writable memory, followed by an unmapped page. */
	char *memory;
	/* A second, read-only mapping of the same memory. */
	char *read_only;
	timer_t timer;
	int fail_nth;
	int armed;
	unsigned long calls;
	/* The buffer of KCOV: an array of addresses, whose first element is their number. */
	unsigned long *trace;
	int kcov;
};

/* program.c */
struct rng {
	__u64 state;
};

__u32 draw(struct rng *rng);
/* Draws the program that belongs to a seed if the corpus has @kept programs. */
void program_draw(struct program *program, __u32 seed,
		  const struct program *corpus, unsigned int kept);
void program_print(const struct program *program, char *text, size_t size);
bool program_parse(struct program *program, const char *text);

/* calls.c */
extern const unsigned int call_count;
/* Returns whether @names are the names of all calls, in order. Modifies @names. */
bool calls_are(char *names);
/* Calls with which a program may begin: their indices. */
enum { CALL_OPEN, CALL_OPEN_COMPAT, CALL_SETUP };
/* Runs the steps from @from on, up to but not including @to. */
void run_steps(struct thread *thread, const struct program *program,
	       unsigned int from, unsigned int to);
void close_slots(struct thread *thread);
/* Prints a program's steps in words. */
void explain(const struct program *program);
/* Returns how often a call is drawn, out of about 1000. */
unsigned int call_weight(unsigned int call);

/* thread.c */
#define MEMORY		20480

int thread_init(struct thread *thread, struct worker *worker);
/* Maps new memory for this thread. Other processes may share the memory that it had before. */
int thread_map(struct thread *thread);
void thread_arm(struct thread *thread, unsigned int nth);
void thread_disarm(struct thread *thread);
/* Sends signals to the thread repeatedly, until it is called with false. */
void thread_interrupt(struct thread *thread, bool on);
/* Returns a pointer to @size bytes of @data. @how determines whether the pointer is good or bad. */
void *thread_pointer(struct thread *thread, const void *data, size_t size,
		     __u8 how);

/* cover.c */
int cover_init(void);
int cover_open(struct thread *thread);
void cover_start(struct thread *thread);
/* Returns how many places the thread has reached that no thread had reached before. */
unsigned int cover_take(struct thread *thread);

/* watch.c */
void watch_begin(void);
/* Prints a line about the progress of the run, which begins with @mark. */
void watch_tell(const struct shared *shared, const char *mark);
/*
 * Returns 0 after @most calls, or after @seconds if at least @least calls were made by then.
 * Otherwise goes on until @least calls were made. Returns 1 if a worker has died or is stuck.
 */
int watch(struct shared *shared, const pid_t *pids, unsigned int workers,
	  unsigned long most, unsigned long least, unsigned long seconds);
/* Stops the workers. Returns 1 if a worker does not end. */
int watch_end(struct shared *shared, const pid_t *pids, unsigned int workers);

#endif

// SPDX-License-Identifier: GPL-2.0
/*
 * Runs programs of random calls on both nodes and on everything that accepts fences, from
 * several processes with two threads each, guided by the coverage of the module.
 *
 *   fuzz [-s SEED] [-c CALLS] [-t SECONDS] [-l CALLS] [-w WORKERS] [CORPUS]
 *   fuzz -r NAME [-c CALLS] CORPUS      repeats one program
 *   fuzz -p CORPUS                      runs its programs once, and prints the result of each call
 *
 * The first line of CORPUS is `#` and the names of the calls, because programs name a call by
 * its index. Each later line is a program. A program that reaches new code is kept, and printed
 * as a line "@keep NUMBER PROGRAM". Other programs are made from it. A thread has the name of
 * its program, which reports of the kernel contain. The name is fSSSSSSSSKKKK, the seed of the
 * program and the number of programs that were kept before it; or fcorpusN for the N-th program
 * of CORPUS.
 *
 * Lines for tests/hard/run begin with @.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "buffer.h"
#include "calls.h"
#include "fail.h"
#include "kms.h"

#define NAME_LEN	16

static unsigned long seed = 1;
static unsigned long wanted_calls = 100000;
static unsigned long least_calls;
static unsigned long seconds = 365UL * 24 * 3600;
static unsigned int workers = 3;
static const char *replayed;
static bool telling;
static struct shared *shared;

/* A worker and its second thread. */
struct pair {
	struct worker worker;
	struct thread first;
	struct thread second;
	pthread_barrier_t barrier;
	struct program program;
	char name[NAME_LEN];
};

static void *run_second(void *arg)
{
	struct pair *pair = arg;
	struct thread *thread = &pair->second;

	thread->name = pair->name;
	if (thread_init(thread, &pair->worker) || cover_open(thread)) {
		perror("fuzz: the second thread");
		exit(1);
	}
	/* Waits until the worker has opened everything that it keeps open. */
	pthread_barrier_wait(&pair->barrier);
	for (;;) {
		pthread_barrier_wait(&pair->barrier);
		prctl(PR_SET_NAME, pair->name);
		if (pair->program.split < pair->program.length)
			run_steps(thread, &pair->program, pair->program.split,
				  pair->program.length);
		pthread_barrier_wait(&pair->barrier);
	}
	return NULL;
}

static bool has_two(const struct program *program)
{
	return program->split < program->length;
}

/* Runs a program, and returns how many new places it has reached. */
static unsigned int run_program(struct pair *pair)
{
	const struct program *program = &pair->program;
	unsigned int fresh;

	prctl(PR_SET_NAME, pair->name);
	cover_start(&pair->first);
	cover_start(&pair->second);
	if (has_two(program))
		pthread_barrier_wait(&pair->barrier);
	run_steps(&pair->first, program, 0,
		  has_two(program) ? program->split : program->length);
	if (has_two(program))
		pthread_barrier_wait(&pair->barrier);
	close_slots(&pair->first);
	fresh = cover_take(&pair->first);
	if (has_two(program))
		fresh += cover_take(&pair->second);
	return fresh;
}

static void keep_program(const struct program *program)
{
	char text[2 * sizeof(*program) + 1];
	unsigned int at;

	while (atomic_exchange(&shared->keeping, true))
		usleep(100);
	at = atomic_load(&shared->kept);
	if (at < MOST_KEPT) {
		shared->corpus[at] = *program;
		atomic_store(&shared->useful[at], true);
		atomic_store(&shared->kept, at + 1);
		program_print(program, text, sizeof(text));
		printf("@keep %u %s\n", at, text);
	}
	atomic_store(&shared->keeping, false);
}

/* Builds the program that a thread is named after. Returns false if there is no such program. */
static bool program_named(struct program *program, const char *name)
{
	unsigned int at, kept;
	__u32 from;

	if (sscanf(name, "fcorpus%u", &at) == 1) {
		if (at >= shared->given)
			return false;
		*program = shared->corpus[at];
		return true;
	}
	if (sscanf(name, "f%8x%4x", &from, &kept) != 2 || kept > atomic_load(&shared->kept))
		return false;
	program_draw(program, from, shared->corpus, kept);
	return true;
}

static void choose(struct pair *pair, struct rng *rng, int *given)
{
	unsigned int at = shared->given;

	if (atomic_load(&shared->next_given) < shared->given)
		at = atomic_fetch_add(&shared->next_given, 1);
	*given = at < shared->given && !replayed ? (int)at : -1;
	if (replayed)
		snprintf(pair->name, NAME_LEN, "%s", replayed);
	else if (*given >= 0)
		snprintf(pair->name, NAME_LEN, "fcorpus%u", at);
	else
		snprintf(pair->name, NAME_LEN, "f%08x%04x", draw(rng), atomic_load(&shared->kept));
	program_named(&pair->program, pair->name);
}

/*
 * Closes the descriptors from @lowest on, which a program has left behind. @lowest must be free
 * then: it is not if a call has reserved it for ever.
 */
static void check_descriptors(struct pair *pair, int lowest)
{
	int fd;

	close_range(lowest, ~0U, 0);
	fd = dup(0);
	if (fd != lowest)
		complain(&pair->first, "descriptors are left, the lowest free one is", fd);
	close(fd);
}

static void work(struct pair *pair)
{
	struct rng rng = { .state = seed * MOST_WORKERS + pair->worker.number };
	int lowest = dup(0);
	struct rlimit limit = { lowest + MOST_FDS, lowest + MOST_FDS };
	unsigned long told = 0;

	close(lowest);
	setrlimit(RLIMIT_NOFILE, &limit);
	while (!atomic_load(&shared->stop)) {
		unsigned long calls;
		int given;

		if (shared->telling)
			printf("-- program %u\n", atomic_load(&shared->next_given));
		choose(pair, &rng, &given);
		if (run_program(pair)) {
			if (given >= 0)
				atomic_store(&shared->useful[given], true);
			else if (!replayed)
				keep_program(&pair->program);
		}
		check_descriptors(pair, lowest);
		atomic_fetch_add(&shared->programs, 1);
		calls = pair->first.calls + pair->second.calls;
		atomic_fetch_add(&shared->calls, calls - told);
		told = calls;
		atomic_store(&shared->ended[pair->worker.number], now_ns());
		if (shared->telling && atomic_load(&shared->next_given) >= shared->given)
			atomic_store(&shared->stop, true);
	}
}

static void nothing(int signal)
{
	(void)signal;
}

static void run_worker(int number, int buffer, struct kms *kms, int (*sockets)[2])
{
	struct sigaction action = { .sa_handler = nothing };
	struct pair *pair = calloc(1, sizeof(*pair));
	pthread_t second;
	int i;

	sigaction(SIGUSR1, &action, NULL);
	for (i = 0; i < SLOTS; i++)
		pair->worker.slots[i] = -1;
	for (i = 0; i < HOARD; i++)
		pair->worker.hoard[i] = -1;
	pair->worker.number = number;
	pair->worker.buffer = buffer;
	pair->worker.shared = shared;
	pair->worker.kms = kms;
	pair->worker.epoll = epoll_create1(EPOLL_CLOEXEC);
	pair->worker.nested = epoll_create1(EPOLL_CLOEXEC);
	pair->worker.rings[0] = &pair->first.ring;
	pair->worker.rings[1] = &pair->second.ring;
	pair->worker.send = sockets[(number + 1) % workers][1];
	pair->worker.receive = sockets[number][0];
	pair->first.name = pair->name;
	pthread_barrier_init(&pair->barrier, NULL, 2);
	if (thread_init(&pair->first, &pair->worker) || cover_open(&pair->first) ||
	    pthread_create(&second, NULL, run_second, pair)) {
		perror("fuzz: a worker");
		exit(1);
	}
	pthread_barrier_wait(&pair->barrier);
	work(pair);
	_exit(0);
}

static void read_corpus(const char *path)
{
	FILE *file = fopen(path, "re");
	char line[1024];

	if (!file)
		return;
	if (!fgets(line, sizeof(line), file) || line[0] != '#' || !calls_are(line + 1)) {
		fprintf(stderr, "fuzz: %s: the first line does not name the calls of this fuzzer\n",
			path);
		exit(2);
	}
	while (fgets(line, sizeof(line), file) && shared->given < MOST_KEPT) {
		if (!program_parse(&shared->corpus[shared->given], line)) {
			fprintf(stderr, "fuzz: %s: no program: %s", path, line);
			exit(2);
		}
		shared->given++;
	}
	fclose(file);
	atomic_store(&shared->kept, shared->given);
}

static int run_all(void)
{
	int buffer = buffer_new(BUFFER_HEAP, 4096);
	int sockets[MOST_WORKERS][2];
	pid_t pids[MOST_WORKERS];
	struct kms kms;
	unsigned int i;
	int ret;

	watch_begin();
	ret = kms_open(&kms, "vkms");
	ret = ret ? ret : kms_enable(&kms);
	if (ret) {
		fprintf(stderr, "fuzz: no display of vkms: %s\n", strerror(-ret));
		return 1;
	}
	for (i = 0; i < workers; i++)
		if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, sockets[i]))
			return 1;
	for (i = 0; i < workers; i++) {
		pids[i] = fork();
		if (!pids[i])
			run_worker(i, buffer, &kms, sockets);
	}
	ret = watch(shared, pids, workers, wanted_calls, least_calls, seconds);
	ret |= watch_end(shared, pids, workers);
	watch_tell(shared, "@summary");
	for (i = 0; i < atomic_load(&shared->kept); i++)
		if (atomic_load(&shared->useful[i]))
			printf("@useful %u\n", i);
	return ret || atomic_load(&shared->odd);
}

/*
 * If a thread is preempted, the kernel writes to the rseq area that the C library registers. An
 * injected fault in this write would end the process. So there must be no such area.
 */
static void without_rseq(char **argv)
{
	if (getenv("GLIBC_TUNABLES"))
		return;
	setenv("GLIBC_TUNABLES", "glibc.pthread.rseq=0", 1);
	execv("/proc/self/exe", argv);
	perror("fuzz: exec");
	exit(1);
}

int main(int argc, char **argv)
{
	int option;

	without_rseq(argv);
	while ((option = getopt(argc, argv, "s:c:t:l:w:r:p")) != -1) {
		unsigned long value = optarg ? strtoul(optarg, NULL, 0) : 0;

		if (option == 's')
			seed = value;
		else if (option == 'c')
			wanted_calls = value;
		else if (option == 't')
			seconds = value;
		else if (option == 'l')
			least_calls = value;
		else if (option == 'w' && value >= 1 && value <= MOST_WORKERS)
			workers = value;
		else if (option == 'r')
			replayed = optarg;
		else if (option == 'p')
			telling = true;
		else
			return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	if (shared == MAP_FAILED || cover_init()) {
		perror("fuzz");
		return 1;
	}
	if (optind < argc)
		read_corpus(argv[optind]);
	if (replayed) {
		struct program program;

		if (!program_named(&program, replayed)) {
			fprintf(stderr, "fuzz: %s: no such program\n", replayed);
			return 2;
		}
		explain(&program);
	}
	if (telling) {
		shared->telling = true;
		workers = 1;
	}
	fail_prepare();
	shared->max_pending = module_param("max_pending", ~0ULL >> 1);
	return run_all();
}

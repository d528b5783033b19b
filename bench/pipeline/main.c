/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Measures the candidates in turn, round after round, and prints one JSON object: nanoseconds of
 * processor time a packet, in each round.
 *
 *   pipeline ROUNDS PACKETS DIFFERENT PROGRAM.so [SWX_LIBRARY.so]
 */
#define _GNU_SOURCE
#include "candidate.h"
#include "workload.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <rte_eal.h>

#define MAX_ROUNDS 1000

static void
nothing_run(void)
{
	struct rte_mbuf *mbufs[BURST];
	unsigned int n;

	while ((n = source_burst(mbufs)) != 0)
		sink_burst(mbufs, n);
}

static bool
nothing_setup(const char *argument)
{
	(void)argument;
	return true;
}

/*
 * "packets" is what making and freeing them costs; it is in every other figure too. The first but
 * it is the reference.
 */
static struct candidate candidates[] = {
	{"packets", nothing_setup, nothing_run, ""},
	{"hand-written", hand_setup, hand_run, ""},
	{"p4kube", ours_setup, ours_run, NULL},
	{"swx interpreted", swx_interpreted_setup, swx_interpreted_run, ""},
	{"swx compiled", swx_compiled_setup, swx_compiled_run, NULL},
};

static double results[RTE_DIM(candidates)][MAX_ROUNDS];

/* EAL ties the calling thread to a core; where to run is the scheduler's matter here. */
static void
start_eal(char *program)
{
	char *arguments[] = {program,       "--no-huge",         "-m",
			     "512",         "--no-pci",          "--no-telemetry",
			     "--no-shconf", "--log-level=error", "--lcores=0@0"};
	cpu_set_t allowed;

	RTE_VERIFY(sched_getaffinity(0, sizeof(allowed), &allowed) == 0);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		static char lcores[32];

		if (CPU_ISSET(cpu, &allowed)) {
			snprintf(lcores, sizeof(lcores), "--lcores=0@%d", cpu);
			arguments[RTE_DIM(arguments) - 1] = lcores;
			break;
		}
	}
	if (rte_eal_init(RTE_DIM(arguments), arguments) < 0)
		exit(1);
	RTE_VERIFY(sched_setaffinity(0, sizeof(allowed), &allowed) == 0);
}

/* Every candidate must do the same to every packet. */
static void
verify(const struct candidate *candidate, uint32_t different)
{
	int differs;

	workload_start(different, true);
	candidate->run();
	RTE_VERIFY(sink_count() == different);
	differs = workload_compare();
	if (differs >= 0) {
		fprintf(stderr, "%s: packet %d differs from the hand-written version's\n",
			candidate->name, differs);
		exit(1);
	}
}

/* Processor time, so that what else the machine does in between is not counted. */
static double
now_ns(void)
{
	struct timespec time;

	RTE_VERIFY(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time) == 0);
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static double
measure(const struct candidate *candidate, uint32_t packets)
{
	double begin, end;

	workload_start(packets, false);
	begin = now_ns();
	candidate->run();
	end = now_ns();
	RTE_VERIFY(sink_count() == packets);
	return (end - begin) / packets;
}

static void
print(unsigned int rounds, uint32_t packets, uint32_t different)
{
	const char *between = "";

	printf(
		"{\"rounds\": %u, \"packets\": %u, \"different\": %u, \"forwarded\": %.4f, \"ns\": {",
	    rounds, packets, different, workload_forwarded());
	for (unsigned int c = 0; c < RTE_DIM(candidates); c++) {
		if (candidates[c].argument == NULL)
			continue;
		printf("%s\"%s\": [", between, candidates[c].name);
		for (unsigned int r = 0; r < rounds; r++)
			printf("%s%.2f", r > 0 ? ", " : "", results[c][r]);
		printf("]");
		between = ", ";
	}
	printf("}}\n");
}

int
main(int argc, char **argv)
{
	unsigned int rounds;
	uint32_t packets, different;

	if (argc < 5 || argc > 6 || atoi(argv[1]) < 1 || atoi(argv[1]) > MAX_ROUNDS ||
	    atoi(argv[2]) < BURST || atoi(argv[3]) < BURST || atoi(argv[3]) > MAX_DIFFERENT) {
		fprintf(stderr, "usage: %s ROUNDS PACKETS DIFFERENT PROGRAM.so [SWX_LIBRARY.so]\n",
			argv[0]);
		return 2;
	}
	rounds = (unsigned int)atoi(argv[1]);
	packets = (uint32_t)atoi(argv[2]) / BURST * BURST;
	different = (uint32_t)atoi(argv[3]) / BURST * BURST;
	candidates[2].argument = argv[4];
	candidates[4].argument = argv[5];
	start_eal(argv[0]);
	workload_make(rte_pktmbuf_pool_create("packets", 4095, 256, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
					      SOCKET_ID_ANY),
		      different);
	for (unsigned int c = 0; c < RTE_DIM(candidates); c++) {
		if (candidates[c].argument == NULL)
			continue;
		if (!candidates[c].setup(candidates[c].argument))
			return 1;
		if (c > 0)
			verify(&candidates[c], different);
	}
	for (unsigned int r = 0; r < rounds; r++)
		for (unsigned int c = 0; c < RTE_DIM(candidates); c++)
			if (candidates[c].argument != NULL)
				results[c][r] = measure(&candidates[c], packets);
	print(rounds, packets, different);
	return 0;
}

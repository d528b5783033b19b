/* SPDX-License-Identifier: Apache-2.0 */
#include "eal.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_log.h>

#include "failure.h"
#include "message.h"
#include "settings.h"

#define HUGE_WANTED_MB 64

struct rte_mempool *packet_pool;
static bool on_hugepages;
static char runtime_directory[PATH_MAX];

/* Free hugepages of every size, in MB. */
static unsigned long hugepages_free_mb(void)
{
	static const char root[] = "/sys/kernel/mm/hugepages";
	unsigned long total = 0, size_kb, pages;
	DIR *directory = opendir(root);
	struct dirent *entry;
	char path[512];
	FILE *file;

	if (!directory)
		return 0;
	while ((entry = readdir(directory))) {
		if (sscanf(entry->d_name, "hugepages-%lukB", &size_kb) != 1)
			continue;
		snprintf(path, sizeof(path), "%s/%s/free_hugepages", root, entry->d_name);
		file = fopen(path, "r");
		if (!file)
			continue;
		if (fscanf(file, "%lu", &pages) == 1)
			total += pages * size_kb / 1024;
		fclose(file);
	}
	closedir(directory);
	return total;
}

/* DPDK keeps its files in $RUNTIME_DIRECTORY/dpdk/PREFIX: put that beside the control socket. */
static int choose_runtime_directory(void)
{
	char parent[PATH_MAX], resolved[PATH_MAX], *slash;

	snprintf(parent, sizeof(parent), "%s", settings.socket);
	slash = strrchr(parent, '/');
	if (!slash)
		snprintf(parent, sizeof(parent), ".");
	else
		slash[slash == parent] = '\0';
	if (!realpath(parent, resolved)) {
		say("--socket: cannot use directory '%s': %s", parent, strerror(errno));
		return -1;
	}
	if (setenv("RUNTIME_DIRECTORY", resolved, 1) != 0)
		return -1;
	if ((size_t)snprintf(runtime_directory, sizeof(runtime_directory), "%s/dpdk/%s", resolved,
			     settings.name) >= sizeof(runtime_directory)) {
		say("--socket: the path of its directory is too long");
		return -1;
	}
	return 0;
}

static void remove_runtime_directory(void)
{
	DIR *directory = opendir(runtime_directory);
	struct dirent *entry;
	char *slash;

	if (!directory)
		return;
	while ((entry = readdir(directory)))
		if (entry->d_name[0] != '.')
			unlinkat(dirfd(directory), entry->d_name, 0);
	closedir(directory);
	rmdir(runtime_directory);
	slash = strrchr(runtime_directory, '/');
	*slash = '\0';
	rmdir(runtime_directory); /* stays while another instance has its files there */
	*slash = '/';
}

/* Those that killed processes left, as far as their names are the default. */
static void remove_left_over(void)
{
	char parent[PATH_MAX], path[PATH_MAX + 512];
	struct dirent *entry;
	DIR *directory;
	int pid;

	snprintf(parent, sizeof(parent), "%s", runtime_directory);
	*strrchr(parent, '/') = '\0';
	directory = opendir(parent);
	if (!directory)
		return;
	while ((entry = readdir(directory))) {
		if (sscanf(entry->d_name, "p4kube-%d", &pid) != 1 || kill(pid, 0) == 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", parent, entry->d_name);
		rmdir(path); /* only if empty */
	}
	closedir(directory);
}

static int initialise(bool huge)
{
	char lcores[32], prefix[96], memory[32];
	const char *arguments[24] = {"p4kube-dataplane", "--no-telemetry", "--log-level=*:error",
				     "--iova-mode=va"};
	cpu_set_t affinity;
	int n = 4, first, ret;

	if (sched_getaffinity(0, sizeof(affinity), &affinity) != 0)
		return -1;
	for (first = 0; first < CPU_SETSIZE && !CPU_ISSET(first, &affinity);)
		first++;
	snprintf(lcores, sizeof(lcores), "--lcores=0@%d", first);
	snprintf(prefix, sizeof(prefix), "--file-prefix=%s", settings.name);
	arguments[n++] = lcores;
	arguments[n++] = prefix;
	if (!settings.pci)
		arguments[n++] = "--no-pci";
	if (huge) {
		arguments[n++] = "--in-memory";
	} else {
		arguments[n++] = "--no-huge";
		arguments[n++] = "--no-shconf";
	}
	if (settings.memory || !huge) {
		snprintf(memory, sizeof(memory), "%u", settings.memory ? settings.memory : 512);
		arguments[n++] = "-m";
		arguments[n++] = memory;
	}
	ret = rte_eal_init(n, (char **)arguments);
	/* It pins the thread that calls it, and threads made later would inherit that. */
	pthread_setaffinity_np(pthread_self(), sizeof(affinity), &affinity);
	return ret < 0 ? -1 : 0;
}

/* DPDK cannot be initialised twice in a process: once more from the top. Returns where that fails. */
static void again_without_hugepages(void)
{
	char path[PATH_MAX], workers[16], memory[16], mbufs[16], frame[16];
	const char *arguments[20] = {"p4kube-dataplane", "--huge", "no", "--socket", settings.socket,
				     "--name", settings.name, "--workers", workers, "--mbufs", mbufs,
				     "--frame", frame};
	ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);
	int n = 13;

	if (length <= 0)
		return;
	path[length] = '\0';
	snprintf(workers, sizeof(workers), "%u", settings.workers);
	snprintf(mbufs, sizeof(mbufs), "%u", settings.mbufs);
	snprintf(frame, sizeof(frame), "%u", settings.frame);
	if (settings.memory) {
		snprintf(memory, sizeof(memory), "%u", settings.memory);
		arguments[n++] = "--memory";
		arguments[n++] = memory;
	}
	if (settings.pci)
		arguments[n++] = "--pci";
	say("not enough hugepages (%s); going on without", rte_strerror(rte_errno));
	remove_runtime_directory();
	execv(path, (char **)arguments);
}

void describe_process(json_t *answer)
{
	json_object_set_new(answer, "workers", json_integer(settings.workers));
	json_object_set_new(answer, "hugepages", json_boolean(on_hugepages));
}

static int start(void)
{
	unsigned int room = PACKET_HEADROOM + settings.frame;

	on_hugepages = settings.huge && hugepages_free_mb() >= HUGE_WANTED_MB;
	if (choose_runtime_directory() != 0)
		return -1;
	remove_left_over();
	rte_openlog_stream(stderr);
	if (initialise(on_hugepages) != 0) {
		if (on_hugepages)
			again_without_hugepages();
		say("cannot start DPDK: %s", rte_strerror(rte_errno));
		remove_runtime_directory();
		return -1;
	}
	rte_mp_disable(); /* or else workers cannot be registered as DPDK threads */
	packet_pool = rte_pktmbuf_pool_create("packets", settings.mbufs,
					      RTE_MIN(settings.mbufs / 8, 256u), 0,
					      (uint16_t)RTE_ALIGN(room, 64), SOCKET_ID_ANY);
	if (!packet_pool) {
		if (on_hugepages)
			again_without_hugepages();
		say("no memory for %u packets of %u bytes: more --memory or fewer --mbufs",
		    settings.mbufs, settings.frame);
		rte_eal_cleanup();
		remove_runtime_directory();
		return -1;
	}
	return 0;
}

static void stop(void)
{
	rte_mempool_free(packet_pool);
	packet_pool = NULL;
	rte_eal_cleanup();
	remove_runtime_directory();
}

const struct module eal_module = {.name = "eal", .start = start, .stop = stop};

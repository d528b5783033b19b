/* SPDX-License-Identifier: Apache-2.0 */
/* p4kube-dataplane: runs compiled P4 programs between ports. */
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <rte_common.h>

#include "control.h"
#include "failure.h"
#include "forward.h"
#include "settings.h"

/* Each may use the ones before it. */
static const struct module *const modules[] = {
	&eal_module,	 &rcu_module,	  &events_module, &ports_module,
	&devices_module, &workers_module, &control_module,
};

/* The first n of them. */
static void stop(size_t n)
{
	while (n > 0)
		modules[--n]->stop();
}

static const int crashes[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
static struct sigaction before[RTE_DIM(crashes)];

/* Say whose program it was, then let the signal do what it did before (a sanitizer's report, a core). */
static void on_crash(int number, siginfo_t *info, void *machine)
{
	unsigned long length;
	const char *epitaph = forward_epitaph(&length);

	(void)machine;
	if (epitaph && write(STDERR_FILENO, epitaph, length) < 0)
		length = 0;
	for (size_t i = 0; i < RTE_DIM(crashes); i++)
		if (crashes[i] == number)
			sigaction(number, &before[i], NULL);
	/* A fault comes again when the instruction does; what somebody sent does not. */
	if (info->si_code <= 0)
		raise(number);
}

/* A port takes one or two descriptors; there may be hundreds. */
static void allow_many_files(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static void catch_crashes(void)
{
	struct sigaction action = {.sa_sigaction = on_crash, .sa_flags = SA_SIGINFO};

	for (size_t i = 0; i < RTE_DIM(crashes); i++)
		sigaction(crashes[i], &action, &before[i]);
}

int main(int argc, char **argv)
{
	int ret = settings_read(argc, argv);

	if (ret != 0)
		return ret > 0 ? 0 : 2;
	if (geteuid() != 0) {
		say("want to be started by root, whose packet sockets and control socket these are");
		return 1;
	}
	if (control_prepare() != 0)
		return 1;
	allow_many_files();
	for (size_t i = 0; i < RTE_DIM(modules); i++) {
		if (modules[i]->start() != 0) {
			stop(i);
			return 1;
		}
	}
	catch_crashes();
	say("serving %s", settings.socket);
	control_run();
	stop(RTE_DIM(modules));
	return 0;
}

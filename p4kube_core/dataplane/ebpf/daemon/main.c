/* SPDX-License-Identifier: Apache-2.0 */
/*
 * p4kube-bpf: puts compiled P4 programs on interfaces as BPF, and keeps their tables. Packets do not need it: they are
 * forwarded by the kernel alone, also when it is killed.
 */
#include <sys/resource.h>
#include <unistd.h>

#include <jansson.h>

#include "control.h"
#include "device.h"
#include "failure.h"
#include "message.h"
#include "outer.h"
#include "pins.h"
#include "port.h"
#include "settings.h"

/* Each may use the ones before it. */
static const struct module *const modules[] = {
	&pins_module, &outer_module, &sender_module, &images_module, &devices_module,
	&ports_module, &kept_module, &control_module,
};

/* The first n of them. */
static void stop(size_t n)
{
	while (n > 0)
		modules[--n]->stop();
}

/* Whether packets go on by what is there, and another process can take it up. */
static bool is_for_the_next(void)
{
	return pins_are_found() && !(LIST_EMPTY(&devices) && LIST_EMPTY(&ports));
}

void control_chores(void)
{
}

bool control_has_chores(void)
{
	return false;
}

void describe_process(json_t *answer)
{
	json_object_set_new(answer, "workers", json_integer(0));
	json_object_set_new(answer, "hugepages", json_false());
	json_object_set_new(answer, "target", json_string("ebpf"));
}

/* Maps take descriptors; before Linux 5.11 they count as locked memory. */
static void allow_much(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	limit = (struct rlimit){RLIM_INFINITY, RLIM_INFINITY};
	setrlimit(RLIMIT_MEMLOCK, &limit);
}

int main(int argc, char **argv)
{
	int ret = settings_read(argc, argv);

	if (ret != 0)
		return ret > 0 ? 0 : 2;
	if (geteuid() != 0) {
		say("want to be started by root, who may load BPF programs");
		return 1;
	}
	if (control_prepare() != 0)
		return 1;
	allow_much();
	for (size_t i = 0; i < ARRAY_DIM(modules); i++) {
		if (modules[i]->start() != 0) {
			/* Until all was taken up, what there is may be another's. */
			if (modules[i] == &control_module && !is_for_the_next())
				stop(i);
			return 1;
		}
	}
	say("serving %s", settings.socket);
	if (control_run() || !is_for_the_next()) {
		stop(ARRAY_DIM(modules));
	} else {
		control_module.stop();
		outer_settle();
	}
	return 0;
}

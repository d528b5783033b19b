/* SPDX-License-Identifier: Apache-2.0 */
#include "settings.h"

#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "failure.h"

#define BPFFS_MAX (PATH_MAX - 256) /* what is pinned there has a path, too */

struct settings settings = {
	.socket = "/run/p4kube/bpf.sock",
	.bpffs = "/run/p4kube/bpf",
};

static const char usage[] =
	"usage: p4kube-bpf [options]\n"
	"  --socket PATH     control socket (default /run/p4kube/bpf.sock)\n"
	"  --bpffs DIR       where maps are pinned; made and mounted if need be (default /run/p4kube/bpf).\n"
	"                    What is not of the kernel is kept in DIR.kept\n"
	"  --help, --version\n";

static int set_path(const char *option, const char *text, size_t most, const char **path)
{
	if (text[0] != '/' || strlen(text) > most) {
		say("--%s: want an absolute path of at most %zu bytes; got '%.64s'", option, most, text);
		return -1;
	}
	*path = text;
	return 0;
}

int settings_read(int argc, char **argv)
{
	static const struct option options[] = {
		{"socket", required_argument, NULL, 's'}, {"bpffs", required_argument, NULL, 'b'},
		{"help", no_argument, NULL, 'h'},	  {"version", no_argument, NULL, 'V'},
		{NULL, 0, NULL, 0},
	};
	size_t socket_most = sizeof(((struct sockaddr_un *)0)->sun_path) - 1;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 's':
			if (set_path("socket", optarg, socket_most, &settings.socket) != 0)
				return -1;
			break;
		case 'b':
			if (set_path("bpffs", optarg, BPFFS_MAX, &settings.bpffs) != 0)
				return -1;
			break;
		case 'h':
			fputs(usage, stdout);
			return 1;
		case 'V':
			puts("p4kube-bpf " P4KUBE_VERSION);
			return 1;
		default:
			fputs(usage, stderr);
			return -1;
		}
	}
	if (optind < argc) {
		say("unexpected argument '%s'", argv[optind]);
		return -1;
	}
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "settings.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "failure.h"

struct settings settings = {
	.socket = "/run/p4kube/dataplane.sock",
	.workers = 1,
	.huge = true,
	.mbufs = 8192,
	.frame = 2048,
};

static const char usage[] =
	"usage: p4kube-dataplane [options]\n"
	"  --socket PATH     control socket (default /run/p4kube/dataplane.sock)\n"
	"  --workers N       threads that move packets (default 1)\n"
	"  --memory MB       memory for packets (default 512 without hugepages, as needed with them)\n"
	"  --huge auto|no    use hugepages when there are some (default auto)\n"
	"  --name PREFIX     name among the node's DPDK processes (default p4kube-PID)\n"
	"  --mbufs N         packets in flight, at most (default 8192)\n"
	"  --frame BYTES     largest frame (default 2048)\n"
	"  --pci             look for devices on the PCI bus\n"
	"  --help, --version\n";

static int number(const char *option, const char *text, unsigned int low, unsigned int high,
		  unsigned int *value)
{
	unsigned long parsed;
	char *end;

	errno = 0;
	parsed = strtoul(text, &end, 10);
	if (errno || end == text || *end || text[0] == '-' || parsed < low || parsed > high) {
		say("--%s: want a number from %u to %u; got '%s'", option, low, high, text);
		return -1;
	}
	*value = (unsigned int)parsed;
	return 0;
}

static int set_name(const char *text)
{
	size_t length = strlen(text);

	if (length == 0 || length >= sizeof(settings.name) || strchr(text, '/')) {
		say("--name: want 1 to %zu characters without '/'; got '%s'",
		    sizeof(settings.name) - 1, text);
		return -1;
	}
	memcpy(settings.name, text, length + 1);
	return 0;
}

static int set_huge(const char *text)
{
	if (strcmp(text, "auto") != 0 && strcmp(text, "no") != 0) {
		say("--huge: want auto or no; got '%s'", text);
		return -1;
	}
	settings.huge = text[0] == 'a';
	return 0;
}

static int set_socket(const char *text)
{
	size_t most = sizeof(((struct sockaddr_un *)0)->sun_path) - 1;

	if (text[0] == '\0' || strlen(text) > most) {
		say("--socket: want a path of 1 to %zu bytes; got %zu", most, strlen(text));
		return -1;
	}
	settings.socket = text;
	return 0;
}

static int set(int option, const char *text)
{
	switch (option) {
	case 's':
		return set_socket(text);
	case 'w':
		return number("workers", text, 1, WORKERS_MAX, &settings.workers);
	case 'm':
		return number("memory", text, 32, 1024 * 1024, &settings.memory);
	case 'H':
		return set_huge(text);
	case 'n':
		return set_name(text);
	case 'b':
		return number("mbufs", text, 256, 1 << 22, &settings.mbufs);
	case 'f':
		return number("frame", text, 1518, 16384, &settings.frame);
	case 'p':
		settings.pci = true;
		return 0;
	case 'h':
		fputs(usage, stdout);
		return 1;
	case 'V':
		puts("p4kube-dataplane " P4KUBE_VERSION);
		return 1;
	default:
		fputs(usage, stderr);
		return -1;
	}
}

int settings_read(int argc, char **argv)
{
	static const struct option options[] = {
		{"socket", required_argument, NULL, 's'}, {"workers", required_argument, NULL, 'w'},
		{"memory", required_argument, NULL, 'm'}, {"huge", required_argument, NULL, 'H'},
		{"name", required_argument, NULL, 'n'},	  {"mbufs", required_argument, NULL, 'b'},
		{"frame", required_argument, NULL, 'f'},  {"pci", no_argument, NULL, 'p'},
		{"help", no_argument, NULL, 'h'},	  {"version", no_argument, NULL, 'V'},
		{NULL, 0, NULL, 0},
	};
	int option, ret;

	snprintf(settings.name, sizeof(settings.name), "p4kube-%d", (int)getpid());
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		ret = set(option, optarg);
		if (ret != 0)
			return ret;
	}
	if (optind < argc) {
		say("unexpected argument '%s'", argv[optind]);
		return -1;
	}
	return 0;
}

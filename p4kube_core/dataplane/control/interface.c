/* SPDX-License-Identifier: Apache-2.0 */
#include "interface.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/nsfs.h>

#include "field.h"

int interface_read(const json_t *request, const char **name, struct failure *why)
{
	if (field_string(request, "interface", IFNAMSIZ - 1, name, why) != 0)
		return -1;
	if (strpbrk(*name, "/%: \t\n") || strcmp(*name, ".") == 0 || strcmp(*name, "..") == 0)
		return fail(why, FAIL_INVALID, "interface: '%s' cannot be the name of one", *name);
	return 0;
}

/* The namespace's file, or -1 with `why`. */
static int open_netns(const char *path, uint64_t *place, struct failure *why)
{
	int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat status;

	if (file < 0)
		return fail(why, errno == ENOENT ? FAIL_NOT_FOUND : FAIL_IO, "netns %s: %s", path,
			    strerror(errno));
	if (ioctl(file, NS_GET_NSTYPE) != CLONE_NEWNET || fstat(file, &status) != 0) {
		close(file);
		return fail(why, FAIL_INVALID, "netns %s: want a network namespace", path);
	}
	*place = status.st_ino;
	return file;
}

int interface_socket(const json_t *request, int domain, int type, uint64_t *place,
		     struct failure *why)
{
	int own, other, fd, error;
	const char *path;

	if (!json_object_get(request, "netns")) {
		struct stat status;

		*place = stat("/proc/self/ns/net", &status) == 0 ? status.st_ino : 0;
		fd = socket(domain, type | SOCK_CLOEXEC, 0);
		return fd >= 0 ? fd : fail(why, FAIL_IO, "cannot open a socket: %s", strerror(errno));
	}
	if (field_string(request, "netns", PATH_MAX - 1, &path, why) != 0)
		return -1;
	other = open_netns(path, place, why);
	if (other < 0)
		return -1;
	own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (own < 0 || setns(other, CLONE_NEWNET) != 0) {
		fail(why, FAIL_IO, "netns %s: cannot be entered: %s", path, strerror(errno));
		close(other);
		if (own >= 0)
			close(own);
		return -1;
	}
	fd = socket(domain, type | SOCK_CLOEXEC, 0);
	error = errno;
	if (setns(own, CLONE_NEWNET) != 0)
		abort(); /* what this thread does next would happen elsewhere */
	close(own);
	close(other);
	return fd >= 0 ? fd : fail(why, FAIL_IO, "netns %s: cannot open a socket: %s", path, strerror(error));
}

int interface_index(int fd, const char *name)
{
	struct ifreq request = {0};

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	return ioctl(fd, SIOCGIFINDEX, &request) == 0 ? request.ifr_ifindex : 0;
}

int interface_flags(int fd, const char *name, struct failure *why)
{
	struct ifreq request = {0};

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	if (ioctl(fd, SIOCGIFFLAGS, &request) != 0)
		return fail(why, errno == ENODEV ? FAIL_NOT_FOUND : FAIL_IO, "interface '%s': %s",
			    name, errno == ENODEV ? "there is none" : strerror(errno));
	return (unsigned short)request.ifr_flags;
}

bool interface_running(int fd, int index)
{
	const int wanted = IFF_UP | IFF_RUNNING;
	struct ifreq request = {.ifr_ifindex = index};

	return index > 0 && ioctl(fd, SIOCGIFNAME, &request) == 0 &&
	       ioctl(fd, SIOCGIFFLAGS, &request) == 0 && (request.ifr_flags & wanted) == wanted;
}

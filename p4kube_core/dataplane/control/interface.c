/* SPDX-License-Identifier: Apache-2.0 */
#include "interface.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "field.h"

int interface_read(const json_t *request, const char **name, struct failure *why)
{
	if (field_string(request, "interface", IFNAMSIZ - 1, name, why) != 0)
		return -1;
	if (strpbrk(*name, "/%: \t\n") || strcmp(*name, ".") == 0 || strcmp(*name, "..") == 0)
		return fail(why, FAIL_INVALID, "interface: '%s' cannot be the name of one", *name);
	return 0;
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

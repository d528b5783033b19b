/* SPDX-License-Identifier: Apache-2.0 */
#include "netlink.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER_BYTES 32768 /* the most that the kernel puts into one datagram */

/* One datagram's messages; false: there are more to come. */
static bool take(struct nlmsghdr *message, size_t length, int *ret,
		 void (*each)(void *owner, struct nlmsghdr *message), void *owner)
{
	for (; NLMSG_OK(message, length); message = NLMSG_NEXT(message, length)) {
		if (message->nlmsg_type == NLMSG_DONE)
			return true;
		if (message->nlmsg_type == NLMSG_ERROR) {
			*ret = ((struct nlmsgerr *)NLMSG_DATA(message))->error;
			return true;
		}
		each(owner, message);
	}
	return false;
}

int netlink_ask(const struct nlmsghdr *request, void (*each)(void *owner, struct nlmsghdr *message),
		void *owner)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), ret = 0;
	union {
		struct nlmsghdr head;
		char bytes[ANSWER_BYTES];
	} answer;
	ssize_t got;

	if (fd < 0)
		return -errno;
	got = send(fd, request, request->nlmsg_len, 0);
	while (got >= 0) {
		got = recv(fd, &answer, sizeof(answer), 0);
		if (got >= 0 && take(&answer.head, (size_t)got, &ret, each, owner))
			break;
	}
	if (got < 0)
		ret = -errno;
	close(fd);
	return ret;
}

struct rtattr *netlink_find(struct rtattr *first, int length, unsigned short type)
{
	for (struct rtattr *at = first; RTA_OK(at, length); at = RTA_NEXT(at, length))
		if (at->rta_type == type)
			return at;
	return NULL;
}

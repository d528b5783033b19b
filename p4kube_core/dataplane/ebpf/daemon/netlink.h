/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel says of the network, by rtnetlink. */
#ifndef P4K_BPF_DAEMON_NETLINK_H
#define P4K_BPF_DAEMON_NETLINK_H

#include <linux/rtnetlink.h>

/* Call for each message of the answer to a request with NLM_F_ACK or NLM_F_DUMP. 0, or the kernel's -errno. */
int netlink_ask(const struct nlmsghdr *request, void (*each)(void *owner, struct nlmsghdr *message),
		void *owner);
/* The attribute of that type, or NULL. */
struct rtattr *netlink_find(struct rtattr *first, int length, unsigned short type);

#endif

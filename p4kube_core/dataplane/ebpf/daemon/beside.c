/* SPDX-License-Identifier: Apache-2.0 */
#include "beside.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include <linux/pkt_sched.h>

#include <bpf/bpf.h>

#include "netlink.h"

#define KIND_MAX 16 /* bytes of the name of a qdisc or of a filter */
/* Attach types of Linux 6.6, which older headers do not have. */
#define TCX_INGRESS 46
#define TCX_EGRESS 47

struct request {
	struct nlmsghdr head;
	struct tcmsg what;
};

static struct request request_of(uint16_t type, uint16_t flags, int ifindex, uint32_t parent)
{
	return (struct request){
		.head = {.nlmsg_len = sizeof(struct request), .nlmsg_type = type,
			 .nlmsg_flags = NLM_F_REQUEST | flags},
		.what = {.tcm_family = AF_UNSPEC, .tcm_ifindex = ifindex, .tcm_parent = parent},
	};
}

static const char *name_of(int ifindex, char name[IF_NAMESIZE])
{
	if (!if_indextoname((unsigned int)ifindex, name))
		snprintf(name, IF_NAMESIZE, "%d", ifindex);
	return name;
}

static struct rtattr *attribute(struct nlmsghdr *message, unsigned short type)
{
	return netlink_find(TCA_RTA(NLMSG_DATA(message)), (int)TCA_PAYLOAD(message), type);
}

static void copy_kind(struct nlmsghdr *message, char kind[KIND_MAX])
{
	const struct rtattr *found = attribute(message, TCA_KIND);

	if (found)
		snprintf(kind, KIND_MAX, "%.*s", (int)RTA_PAYLOAD(found), (const char *)RTA_DATA(found));
}

static void take_qdisc(void *owner, struct nlmsghdr *message)
{
	if (message->nlmsg_type == RTM_NEWQDISC)
		copy_kind(message, owner);
}

int beside_check_qdisc(int ifindex, struct failure *why)
{
	/* Older kernels answer the asker of one only when told to echo. */
	struct request request = request_of(RTM_GETQDISC, NLM_F_ACK | NLM_F_ECHO, ifindex, TC_H_INGRESS);
	char kind[KIND_MAX] = "", name[IF_NAMESIZE];
	int ret = netlink_ask(&request.head, take_qdisc, kind);

	name_of(ifindex, name);
	if (ret != 0)
		return fail(why, FAIL_IO, "interface '%s': cannot tell its qdisc: %s", name, strerror(-ret));
	if (strcmp(kind, "clsact") == 0)
		return 0;
	return fail(why, FAIL_BUSY, "interface '%s' has an '%s' qdisc: want clsact or none", name, kind);
}

/* --- filters ---------------------------------------------------------------------------------- */

struct filters {
	bool ours, others;
	uint32_t first; /* lowest priority of others' */
	char kind[KIND_MAX]; /* of that one */
};

static void take_filter(void *owner, struct nlmsghdr *message)
{
	const struct tcmsg *what = NLMSG_DATA(message);
	uint32_t priority = TC_H_MAJ(what->tcm_info) >> 16, number = 0;
	const struct rtattr *chain = attribute(message, TCA_CHAIN);
	struct filters *filters = owner;

	if (message->nlmsg_type != RTM_NEWTFILTER)
		return;
	if (chain)
		memcpy(&number, RTA_DATA(chain), sizeof(number));
	/* Each list of filters comes with handle 0 before its filters. */
	if (number == 0 && priority == FILTER_PRIORITY &&
	    (what->tcm_handle == FILTER_HANDLE || what->tcm_handle == 0)) {
		filters->ours = filters->ours || what->tcm_handle != 0;
		return;
	}
	filters->others = true;
	/* Other chains are come to by a filter of the first. */
	if (number != 0 || priority >= filters->first)
		return;
	filters->first = priority;
	copy_kind(message, filters->kind);
}

static int find(int ifindex, bool egress, struct filters *filters)
{
	struct request request = request_of(RTM_GETTFILTER, NLM_F_DUMP, ifindex,
					    TC_H_MAKE(TC_H_CLSACT, egress ? TC_H_MIN_EGRESS : TC_H_MIN_INGRESS));

	*filters = (struct filters){.first = UINT32_MAX};
	return netlink_ask(&request.head, take_filter, filters);
}

static unsigned int count_tcx(int ifindex, bool egress)
{
	uint32_t n = 0;

	/* What takes a descriptor takes an interface's number for these. */
	if (bpf_prog_query(ifindex, egress ? TCX_EGRESS : TCX_INGRESS, 0, NULL, NULL, &n) != 0)
		return 0; /* the kernel has none */
	return n;
}

int beside_check_first(int ifindex, bool egress, struct failure *why)
{
	const char *hook = egress ? "egress" : "ingress";
	struct filters filters;
	char name[IF_NAMESIZE];
	int ret = find(ifindex, egress, &filters);

	name_of(ifindex, name);
	if (ret != 0)
		return fail(why, FAIL_IO, "%s of interface '%s': cannot tell its filters: %s", hook, name,
			    strerror(-ret));
	if (filters.ours)
		return 0;
	if (filters.first < FILTER_PRIORITY)
		return fail(why, FAIL_BUSY,
			    "%s of interface '%s': want no filter before priority %d; found one of kind '%s' at %u",
			    hook, name, FILTER_PRIORITY, filters.kind, filters.first);
	if (count_tcx(ifindex, egress) > 0)
		return fail(why, FAIL_BUSY, "%s of interface '%s': want no tcx program; found one, which runs before filters",
			    hook, name);
	return 0;
}

bool beside_has_filters(int ifindex)
{
	struct filters filters;

	for (int egress = 0; egress <= 1; egress++)
		if (find(ifindex, egress, &filters) != 0 || filters.ours || filters.others)
			return true;
	return false;
}

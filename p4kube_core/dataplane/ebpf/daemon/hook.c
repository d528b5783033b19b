/* SPDX-License-Identifier: Apache-2.0 */
#include "hook.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/pkt_cls.h>
#include <linux/rtnetlink.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "image.h"
#include "sender.h"

/* Where our filter stands among those of a hook; others may come before and after. */
#define FILTER_PRIORITY 100
#define FILTER_HANDLE 0x50344b

/* r = a word of the packet's context. */
#define LOAD(reg, field)                                                            \
	{.code = BPF_LDX | BPF_MEM | BPF_W, .dst_reg = (reg), .src_reg = BPF_REG_6, \
	 .off = offsetof(struct __sk_buff, field)}

#define MOVE(to, from) {.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = (to), .src_reg = (from)}

/* r = value; cb[word] = r. (A constant cannot be stored there at once before Linux 6.3.) */
#define STORE_CB(word, value)                                                                    \
	{.code = BPF_ALU | BPF_MOV | BPF_K, .dst_reg = BPF_REG_2, .imm = (int32_t)(value)},      \
	{.code = BPF_STX | BPF_MEM | BPF_W, .dst_reg = BPF_REG_1, .src_reg = BPF_REG_2,          \
	 .off = offsetof(struct __sk_buff, cb) + 4 * (word)}

int hook_load(int ifindex, bool egress, struct hook_target target, struct failure *why)
{
	const struct bpf_insn code[] = {
		MOVE(BPF_REG_6, BPF_REG_1),
		/* What control sends past the program (sender.c) has that behind it. */
		LOAD(BPF_REG_2, mark),
		{.code = BPF_JMP | BPF_JNE | BPF_K, .dst_reg = BPF_REG_2, .off = 4, .imm = (int32_t)sender_mark()},
		{.code = BPF_ALU | BPF_MOV | BPF_K, .dst_reg = BPF_REG_2, .imm = 0},
		{.code = BPF_STX | BPF_MEM | BPF_W, .dst_reg = BPF_REG_6, .src_reg = BPF_REG_2,
		 .off = offsetof(struct __sk_buff, mark)},
		{.code = BPF_ALU | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = TC_ACT_OK},
		{.code = BPF_JMP | BPF_EXIT},
		/*
		 * The kernel keeps a packet's outermost VLAN tag beside its bytes, where no program looks for
		 * it. Pushed once more it is in them too, until p4k_leave_by_wire() pops it.
		 */
		LOAD(BPF_REG_2, vlan_present),
		{.code = BPF_JMP | BPF_JEQ | BPF_K, .dst_reg = BPF_REG_2, .off = 4, .imm = 0},
		LOAD(BPF_REG_2, vlan_proto),
		LOAD(BPF_REG_3, vlan_tci),
		{.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_skb_vlan_push},
		{.code = BPF_JMP | BPF_JNE | BPF_K, .dst_reg = BPF_REG_0, .off = 13, .imm = 0}, /* to the end */
		MOVE(BPF_REG_1, BPF_REG_6),
		STORE_CB(P4K_BPF_CB_PLACE, target.place),
		STORE_CB(P4K_BPF_CB_INTERFACE, ifindex),
		STORE_CB(P4K_BPF_CB_EGRESS, egress),
		STORE_CB(P4K_BPF_CB_HOPS, 0),
		/* A constant index: where the kernel can it makes a jump of it. */
		{.code = BPF_LD | BPF_IMM | BPF_DW, .dst_reg = BPF_REG_2,
		 .src_reg = BPF_PSEUDO_MAP_FD, .imm = image_programs()},
		{0},
		{.code = BPF_ALU | BPF_MOV | BPF_K, .dst_reg = BPF_REG_3, .imm = (int32_t)target.image},
		{.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_tail_call},
		{.code = BPF_ALU | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = TC_ACT_SHOT},
		{.code = BPF_JMP | BPF_EXIT},
	};
	int program = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "p4k_hook", "GPL", code,
				    sizeof(code) / sizeof(*code), NULL);

	return program >= 0 ? program : fail(why, FAIL_IO, "the kernel does not take a hook's program: %s",
					     strerror(errno));
}

static struct bpf_tc_hook hook_of(int ifindex, bool egress)
{
	return (struct bpf_tc_hook){
		.sz = sizeof(struct bpf_tc_hook),
		.ifindex = ifindex,
		.attach_point = egress ? BPF_TC_EGRESS : BPF_TC_INGRESS,
	};
}

int hook_attach(int ifindex, bool egress, int program, bool *made, struct failure *why)
{
	LIBBPF_OPTS(bpf_tc_opts, options, .prog_fd = program, .handle = FILTER_HANDLE,
		    .priority = FILTER_PRIORITY, .flags = BPF_TC_F_REPLACE);
	struct bpf_tc_hook hook = hook_of(ifindex, egress);
	libbpf_print_fn_t print = libbpf_set_print(NULL); /* that the qdisc is there is no news */
	int ret = bpf_tc_hook_create(&hook);

	libbpf_set_print(print);
	*made = ret == 0;
	if (ret != 0 && ret != -EEXIST)
		return fail(why, ret == -ENODEV || ret == -EINVAL ? FAIL_NOT_FOUND : FAIL_IO,
			    "interface %d: no clsact qdisc: %s", ifindex, strerror(-ret));
	ret = bpf_tc_attach(&hook, &options);
	if (ret == 0)
		return 0;
	if (*made)
		hook_remove_qdisc(ifindex);
	return fail(why, FAIL_IO, "interface %d: the program cannot be attached: %s", ifindex,
		    strerror(-ret));
}

void hook_detach(int ifindex, bool egress)
{
	LIBBPF_OPTS(bpf_tc_opts, options, .handle = FILTER_HANDLE, .priority = FILTER_PRIORITY);
	struct bpf_tc_hook hook = hook_of(ifindex, egress);
	libbpf_print_fn_t print = libbpf_set_print(NULL);

	bpf_tc_detach(&hook, &options);
	libbpf_set_print(print);
}

void hook_remove_qdisc(int ifindex)
{
	struct bpf_tc_hook hook = hook_of(ifindex, false);
	libbpf_print_fn_t print = libbpf_set_print(NULL);

	hook.attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS;
	bpf_tc_hook_destroy(&hook);
	libbpf_set_print(print);
}

/* What one RTM_NEWLINK says. */
static bool reaches(struct nlmsghdr *message)
{
	struct ifinfomsg *info = NLMSG_DATA(message);
	int length = (int)IFLA_PAYLOAD(message);
	bool paired = false, elsewhere = false;

	for (struct rtattr *at = IFLA_RTA(info); RTA_OK(at, length); at = RTA_NEXT(at, length)) {
		int inner_length = (int)RTA_PAYLOAD(at);

		if (at->rta_type == IFLA_LINK_NETNSID)
			elsewhere = true;
		if (at->rta_type != IFLA_LINKINFO)
			continue;
		for (struct rtattr *in = RTA_DATA(at); RTA_OK(in, inner_length);
		     in = RTA_NEXT(in, inner_length))
			if (in->rta_type == IFLA_INFO_KIND)
				paired = strcmp(RTA_DATA(in), "veth") == 0 ||
					 strcmp(RTA_DATA(in), "netkit") == 0;
	}
	return paired && elsewhere;
}

bool interface_reaches_namespace(int ifindex)
{
	struct {
		struct nlmsghdr head;
		struct ifinfomsg info;
	} request = {
		.head = {.nlmsg_len = sizeof(request), .nlmsg_type = RTM_GETLINK,
			 .nlmsg_flags = NLM_F_REQUEST},
		.info = {.ifi_index = ifindex},
	};
	union {
		struct nlmsghdr head;
		char bytes[16384];
	} answer;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	ssize_t got = -1;

	if (fd < 0)
		return false;
	if (send(fd, &request, sizeof(request), 0) == (ssize_t)sizeof(request))
		got = recv(fd, &answer, sizeof(answer), 0);
	close(fd);
	return got >= (ssize_t)sizeof(answer.head) && NLMSG_OK(&answer.head, (size_t)got) &&
	       answer.head.nlmsg_type == RTM_NEWLINK && reaches(&answer.head);
}

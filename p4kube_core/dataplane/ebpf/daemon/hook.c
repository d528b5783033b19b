/* SPDX-License-Identifier: Apache-2.0 */
#include "hook.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include <linux/if_link.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "beside.h"
#include "image.h"
#include "netlink.h"
#include "sender.h"

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
		/* To the filters behind ours, as if this one were not there. */
		{.code = BPF_ALU | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = TC_ACT_UNSPEC},
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

/* The qdisc with both hooks. */
static int have_qdisc(int ifindex, bool egress, bool *made, struct failure *why)
{
	struct bpf_tc_hook hook = hook_of(ifindex, egress);
	libbpf_print_fn_t print = libbpf_set_print(NULL); /* that it is there is no news */
	int ret = bpf_tc_hook_create(&hook);

	libbpf_set_print(print);
	*made = ret == 0;
	if (ret == -EEXIST)
		return beside_check_qdisc(ifindex, why);
	return ret == 0 ? 0 : fail(why, ret == -ENODEV || ret == -EINVAL ? FAIL_NOT_FOUND : FAIL_IO,
				   "interface %d: no clsact qdisc: %s", ifindex, strerror(-ret));
}

int hook_attach(int ifindex, bool egress, int program, bool *made, struct failure *why)
{
	LIBBPF_OPTS(bpf_tc_opts, options, .prog_fd = program, .handle = FILTER_HANDLE,
		    .priority = FILTER_PRIORITY, .flags = BPF_TC_F_REPLACE);
	struct bpf_tc_hook hook = hook_of(ifindex, egress);
	int ret;

	if (have_qdisc(ifindex, egress, made, why) != 0)
		return -1;
	if (beside_check_first(ifindex, egress, why) == 0) {
		ret = bpf_tc_attach(&hook, &options);
		if (ret == 0)
			return 0;
		fail(why, FAIL_IO, "interface %d: the program cannot be attached: %s", ifindex, strerror(-ret));
	}
	if (*made)
		hook_leave_qdisc(ifindex);
	return -1;
}

void hook_detach(int ifindex, bool egress)
{
	LIBBPF_OPTS(bpf_tc_opts, options, .handle = FILTER_HANDLE, .priority = FILTER_PRIORITY);
	struct bpf_tc_hook hook = hook_of(ifindex, egress);
	libbpf_print_fn_t print = libbpf_set_print(NULL);

	bpf_tc_detach(&hook, &options);
	libbpf_set_print(print);
}

void hook_leave_qdisc(int ifindex)
{
	struct bpf_tc_hook hook = hook_of(ifindex, false);
	libbpf_print_fn_t print;

	if (beside_has_filters(ifindex))
		return;
	print = libbpf_set_print(NULL);
	hook.attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS;
	bpf_tc_hook_destroy(&hook);
	libbpf_set_print(print);
}

/* What one RTM_NEWLINK says. */
static void take_link(void *owner, struct nlmsghdr *message)
{
	struct rtattr *first = IFLA_RTA(NLMSG_DATA(message)), *info, *kind;
	int length = (int)IFLA_PAYLOAD(message);
	bool *reaches = owner;

	info = message->nlmsg_type == RTM_NEWLINK ? netlink_find(first, length, IFLA_LINKINFO) : NULL;
	kind = info ? netlink_find(RTA_DATA(info), (int)RTA_PAYLOAD(info), IFLA_INFO_KIND) : NULL;
	*reaches = kind && netlink_find(first, length, IFLA_LINK_NETNSID) &&
		   (strcmp(RTA_DATA(kind), "veth") == 0 || strcmp(RTA_DATA(kind), "netkit") == 0);
}

bool interface_reaches_namespace(int ifindex)
{
	const struct {
		struct nlmsghdr head;
		struct ifinfomsg info;
	} request = {
		.head = {.nlmsg_len = sizeof(request), .nlmsg_type = RTM_GETLINK,
			 .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK},
		.info = {.ifi_index = ifindex},
	};
	bool reaches = false;

	return netlink_ask(&request.head, take_link, &reaches) == 0 && reaches;
}

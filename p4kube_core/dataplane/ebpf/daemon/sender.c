/* SPDX-License-Identifier: Apache-2.0 */
#include "sender.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/bpf.h>
#include <linux/if_packet.h>

#include <bpf/bpf.h>

#include "port.h"
#include "settings.h"

#define LEAST_BYTES 14 /* an Ethernet header */

static int direct = -1;	  /* a socket whose packets meet no hook; made when first needed */
static int receiver = -1; /* a program that has its packet received by an interface; likewise */
static uint32_t mark;

uint32_t sender_mark(void)
{
	return mark;
}

static int check(const uint16_t length, struct failure *why)
{
	return length >= LEAST_BYTES ? 0 : fail(why, FAIL_INVALID, "a packet of %u bytes: want an Ethernet header",
						length);
}

static int open_direct(void)
{
	int yes = 1;

	if (direct >= 0)
		return 0;
	direct = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (direct >= 0 && setsockopt(direct, SOL_PACKET, PACKET_QDISC_BYPASS, &yes, sizeof(yes)) == 0)
		return 0;
	if (direct >= 0)
		close(direct);
	direct = -1;
	return -1;
}

int sender_send(int ifindex, const uint8_t *packet, uint16_t length, struct failure *why)
{
	struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = ifindex};

	if (check(length, why) != 0)
		return -1;
	if (open_direct() == 0 &&
	    sendto(direct, packet, length, 0, (struct sockaddr *)&to, sizeof(to)) == (ssize_t)length)
		return 0;
	return fail(why, FAIL_IO, "interface %d does not send a packet of %u bytes: %s", ifindex, length,
		    strerror(errno));
}

/* mark = cb[1]; clone_redirect(packet, cb[0], to ingress) */
static int load_receiver(void)
{
	const int16_t cb = offsetof(struct __sk_buff, cb);
	const struct bpf_insn code[] = {
		{.code = BPF_LDX | BPF_MEM | BPF_W, .dst_reg = BPF_REG_2, .src_reg = BPF_REG_1, .off = cb + 4},
		{.code = BPF_STX | BPF_MEM | BPF_W, .dst_reg = BPF_REG_1, .src_reg = BPF_REG_2,
		 .off = offsetof(struct __sk_buff, mark)},
		{.code = BPF_LDX | BPF_MEM | BPF_W, .dst_reg = BPF_REG_2, .src_reg = BPF_REG_1, .off = cb},
		{.code = BPF_ALU | BPF_MOV | BPF_K, .dst_reg = BPF_REG_3, .imm = BPF_F_INGRESS},
		{.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_clone_redirect},
		{.code = BPF_JMP | BPF_EXIT},
	};

	if (receiver < 0)
		receiver = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "p4k_receiver", "GPL", code,
					 sizeof(code) / sizeof(*code), NULL);
	return receiver < 0 ? -1 : 0;
}

/* Whether a program of ours is where packets from the interface come in. */
static bool has_ingress(int ifindex)
{
	const struct port *port;

	LIST_FOREACH(port, &ports, next)
		if (port->ifindex == ifindex && !port->egress && port->device)
			return true;
	return false;
}

int sender_receive(int ifindex, const uint8_t *packet, uint16_t length, struct failure *why)
{
	struct __sk_buff context = {.cb = {(uint32_t)ifindex, has_ingress(ifindex) ? mark : 0}};
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = packet, .data_size_in = length,
		    .ctx_in = &context, .ctx_size_in = sizeof(context), .repeat = 1);

	if (check(length, why) != 0)
		return -1;
	if (load_receiver() != 0 || bpf_prog_test_run_opts(receiver, &options) != 0)
		return fail(why, FAIL_IO, "interface %d cannot be made to receive a packet: %s", ifindex,
			    strerror(errno));
	if ((int32_t)options.retval != 0)
		return fail(why, FAIL_IO, "interface %d does not receive a packet of %u bytes: %s",
			    ifindex, length, strerror(-(int32_t)options.retval));
	return 0;
}

static int start(void)
{
	if (getrandom(&mark, sizeof(mark), 0) != sizeof(mark))
		return -1;
	mark = (mark & INT32_MAX) | 1; /* as a number of the kernel's instructions it has a sign */
	return 0;
}

static void stop(void)
{
	if (direct >= 0)
		close(direct);
	if (receiver >= 0)
		close(receiver);
}

const struct module sender_module = {.name = "sender", .start = start, .stop = stop};

/* SPDX-License-Identifier: Apache-2.0 */
#include "run.h"

#include <errno.h>
#include <string.h>

#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf.h>

#include "bytes.h"
#include "device.h"
#include "events.h"
#include "image.h"
#include "sender.h"

#define LEAST_BYTES 64 /* the kernel takes nothing shorter than an Ethernet header and a byte */
#define PACKET_MAX 65535

static uint8_t packet_in[PACKET_MAX + 1], packet_out[2 * (PACKET_MAX + 1)];

int run_check(const uint8_t *blob, size_t length, struct failure *why)
{
	size_t at = 0, bytes;

	for (unsigned int i = 0; at < length; i++, at += 2 + bytes) {
		if (length - at < 2)
			return fail(why, FAIL_INVALID, "packet %u: want its length; the blob ends", i);
		bytes = load16(blob + at);
		if (bytes > length - at - 2)
			return fail(why, FAIL_INVALID, "packet %u: want %zu bytes; found %zu", i, bytes,
				    length - at - 2);
	}
	return 0;
}

/* Whether the program is loaded that is run so, and those that packets may go on to. */
static int prepare(const struct port *port, struct failure *why)
{
	const struct port *other;

	LIST_FOREACH(other, &ports, next)
		if (other->kind == PORT_PATCH)
			return images_test(why);
	return image_test(port->device->image, why) < 0 ? -1 : 0;
}

/* Where the program said that the packet goes. */
static int leave(uint32_t verdict, const struct __sk_buff *after, uint16_t bytes, bool wires,
		 struct failure *why)
{
	if (verdict == TC_ACT_OK)
		port_deliver(after->mark, packet_out, bytes);
	else if (verdict == TC_ACT_REDIRECT && wires && after->cb[P4K_BPF_CB_EGRESS])
		return sender_receive((int)after->mark, packet_out, bytes, why);
	else if (verdict == TC_ACT_REDIRECT && wires)
		return sender_send((int)after->mark, packet_out, bytes, why);
	return 0;
}

static int run(const struct port *port, const uint8_t *packet, uint16_t length, bool wires,
	       struct failure *why)
{
	struct __sk_buff before = {0}, after = {0};
	uint32_t padded = length < LEAST_BYTES ? LEAST_BYTES : length, bytes;
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = packet_in, .data_size_in = padded,
		    .data_out = packet_out, .data_size_out = sizeof(packet_out), .ctx_in = &before,
		    .ctx_size_in = sizeof(before), .ctx_out = &after, .ctx_size_out = sizeof(after),
		    .repeat = 1);

	memset(packet_in, 0, padded);
	memcpy(packet_in, packet, length);
	before.cb[P4K_BPF_CB_PLACE] = P4K_BPF_PLACE(port->device->slot, port->p4_port);
	before.cb[P4K_BPF_CB_LENGTH] = length;
	if (bpf_prog_test_run_opts(port->device->image->test, &options) != 0)
		return fail(why, errno == EINVAL || errno == ENOMEM ? FAIL_INVALID : FAIL_IO,
			    "a packet of %u bytes: the kernel cannot run the program: %s", length,
			    strerror(errno));
	bytes = after.cb[P4K_BPF_CB_LENGTH];
	if (bytes > options.data_size_out)
		bytes = options.data_size_out;
	return bytes <= PACKET_MAX ? leave(options.retval, &after, (uint16_t)bytes, wires, why) : 0;
}

int run_packets(struct port *port, const uint8_t *blob, size_t length, bool wires,
		struct failure *why)
{
	int ret = length > 0 && port->device ? prepare(port, why) : 0;

	for (size_t at = 0; at < length && ret == 0; at += 2 + load16(blob + at)) {
		port->rx_packets++;
		port->rx_bytes += load16(blob + at);
		if (port->device)
			ret = run(port, blob + at + 2, load16(blob + at), wires, why);
		else
			port->no_device++;
	}
	events_drain();
	return ret;
}

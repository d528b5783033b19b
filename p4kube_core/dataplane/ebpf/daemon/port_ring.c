/* SPDX-License-Identifier: Apache-2.0 */
/* Ports for tests: a packet goes through the program by BPF_PROG_TEST_RUN, and what it says is where it goes. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf.h>

#include "device.h"
#include "image.h"
#include "port.h"

#define LEAST_BYTES 64		/* the kernel takes nothing shorter than an Ethernet header and a byte */
#define COLLECT_MAX (60u << 20) /* must fit into one answer */
#define PACKET_MAX 65535

static uint8_t packet_in[PACKET_MAX + 1], packet_out[2 * (PACKET_MAX + 1)];

static bool append(struct port *port, const uint8_t *packet, uint16_t length)
{
	size_t wanted = port->out_length + 2 + length, room = port->out_room ? port->out_room : 4096;
	uint8_t *out;

	if (wanted > COLLECT_MAX)
		return false;
	while (room < wanted)
		room *= 2;
	if (room != port->out_room) {
		out = realloc(port->out, room);
		if (!out)
			return false;
		port->out = out;
		port->out_room = room;
	}
	port->out[port->out_length] = (uint8_t)(length >> 8);
	port->out[port->out_length + 1] = (uint8_t)length;
	memcpy(port->out + port->out_length + 2, packet, length);
	port->out_length = wanted;
	port->out_count++;
	port->tx_packets++;
	port->tx_bytes += length;
	return true;
}

/* To the ring port of that number. */
static void deliver(uint32_t number, const uint8_t *packet, uint16_t length)
{
	struct port *port;

	LIST_FOREACH(port, &ports, next)
		if (port->number == number && port->kind == PORT_RING)
			append(port, packet, length);
}

/* Whether the program is loaded that tests run, and those that packets may go on to. */
static int prepare(const struct port *port, struct failure *why)
{
	const struct port *other;

	if (!port->device)
		return 0;
	LIST_FOREACH(other, &ports, next)
		if (other->kind == PORT_PATCH)
			return images_test(why);
	return image_test(port->device->image, why) < 0 ? -1 : 0;
}

static int run(struct port *port, const uint8_t *packet, uint16_t length, struct failure *why)
{
	struct __sk_buff before = {0}, after = {0};
	uint32_t padded = length < LEAST_BYTES ? LEAST_BYTES : length, bytes;
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = packet_in, .data_size_in = padded,
		    .data_out = packet_out, .data_size_out = sizeof(packet_out), .ctx_in = &before,
		    .ctx_size_in = sizeof(before), .ctx_out = &after, .ctx_size_out = sizeof(after),
		    .repeat = 1);

	port->rx_packets++;
	port->rx_bytes += length;
	if (!port->device) {
		port->no_device++;
		return 0;
	}
	memset(packet_in, 0, padded);
	memcpy(packet_in, packet, length);
	before.cb[P4K_BPF_CB_PLACE] = P4K_BPF_PLACE(port->device->slot, port->p4_port);
	before.cb[P4K_BPF_CB_LENGTH] = length;
	if (bpf_prog_test_run_opts(port->device->image->test, &options) != 0)
		return fail(why, errno == EINVAL || errno == ENOMEM ? FAIL_INVALID : FAIL_IO,
			    "a packet of %u bytes: the kernel cannot test it: %s", length, strerror(errno));
	bytes = after.cb[P4K_BPF_CB_LENGTH];
	if (bytes > options.data_size_out)
		bytes = options.data_size_out;
	if (options.retval == TC_ACT_OK && bytes <= PACKET_MAX)
		deliver(after.mark, packet_out, (uint16_t)bytes);
	return 0;
}

static int check_ring(const struct port *port, struct failure *why)
{
	return port->kind == PORT_RING ? 0 : fail(why, FAIL_INVALID, "port '%s': want kind ring", port->name);
}

int port_inject(struct port *port, const uint8_t *blob, size_t length, struct failure *why)
{
	size_t at = 0, bytes;

	if (check_ring(port, why) != 0)
		return -1;
	for (unsigned int i = 0; at < length; i++, at += 2 + bytes) {
		if (length - at < 2)
			return fail(why, FAIL_INVALID, "packet %u: want its length; the blob ends", i);
		bytes = (size_t)blob[at] << 8 | blob[at + 1];
		if (bytes > length - at - 2)
			return fail(why, FAIL_INVALID, "packet %u: want %zu bytes; found %zu", i, bytes,
				    length - at - 2);
	}
	if (prepare(port, why) != 0)
		return -1;
	for (at = 0; at < length; at += 2 + bytes) {
		bytes = (size_t)blob[at] << 8 | blob[at + 1];
		if (run(port, blob + at + 2, (uint16_t)bytes, why) != 0)
			return -1;
	}
	return 0;
}

int port_collect(struct port *port, uint8_t **blob, size_t *length, uint64_t *count,
		 struct failure *why)
{
	if (check_ring(port, why) != 0)
		return -1;
	*blob = port->out;
	*length = port->out_length;
	*count = port->out_count;
	port->out = NULL;
	port->out_length = port->out_room = 0;
	port->out_count = 0;
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cuts long packets made at random and checks each segment by a checksum written another way; then the same with
 * bytes and offload words changed, where nothing may be read or written outside of exact buffers (AddressSanitizer).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/virtio_net.h>

#include "bytes.h"
#include "offload.h"

#define CHECK(what)                                                                                \
	do {                                                                                       \
		if (!(what)) {                                                                     \
			printf("round %u: not so: %s\n", round_number, #what);                     \
			exit(1);                                                                   \
		}                                                                                  \
	} while (0)

static unsigned int round_number;

struct frame {
	uint8_t bytes[66000];
	size_t length, l3, l4, headers;
	bool v6, tcp;
	struct virtio_net_hdr info;
};

static unsigned int below(unsigned int n)
{
	return (unsigned int)rand() % n;
}

/* Ones' complement sum of 16-bit words in network order. */
static uint32_t sum_of(const uint8_t *at, size_t n, uint32_t sum)
{
	for (size_t i = 0; i < n; i++)
		sum += i % 2 ? at[i] : (uint32_t)at[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static void make(struct frame *frame)
{
	uint8_t *b = frame->bytes;
	size_t options = 4 * below(5), extension = 8 * below(2), payload = 2 + below(below(4) ? 60000 : 10);

	for (size_t i = 0; i < 400; i++)
		b[i] = (uint8_t)rand();
	frame->v6 = below(2);
	frame->tcp = below(2);
	frame->l3 = 14 + 4 * below(3);
	for (size_t at = 12; at < frame->l3 - 2; at += 4)
		store16(b + at, below(2) ? 0x8100 : 0x88a8);
	store16(b + frame->l3 - 2, frame->v6 ? 0x86dd : 0x0800);
	if (frame->v6) {
		b[frame->l3] = 0x60;
		frame->l4 = frame->l3 + 40 + extension;
	} else {
		b[frame->l3] = (uint8_t)(0x40 | (5 + options / 4));
		frame->l4 = frame->l3 + 20 + options;
	}
	frame->headers = frame->l4 + 8;
	if (frame->tcp) {
		b[frame->l4 + 12] = (uint8_t)((5 + options / 4) << 4);
		frame->headers = frame->l4 + 20 + options;
	}
	frame->length = frame->headers + payload;
	for (size_t i = frame->headers; i < frame->length; i++)
		b[i] = (uint8_t)(i * 7 + round_number);
	frame->info = (struct virtio_net_hdr){
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = !frame->tcp ? VIRTIO_NET_HDR_GSO_UDP_L4 :
			    frame->v6	? VIRTIO_NET_HDR_GSO_TCPV6 :
					  VIRTIO_NET_HDR_GSO_TCPV4,
		.gso_size = (uint16_t)(1 + below(9000)),
		.csum_start = (uint16_t)frame->l4,
		.csum_offset = frame->tcp ? 16 : 6,
	};
}

static void check_segment(const struct frame *frame, const uint8_t *out, size_t length, size_t at,
			  unsigned int index)
{
	const uint8_t *ip = out + frame->l3, *l4 = out + frame->l4;
	size_t transport = length - frame->l4, payload = length - frame->headers;
	bool last = at + payload == frame->length - frame->headers;
	uint32_t sum = (frame->tcp ? 6 : 17) + (uint32_t)transport;

	CHECK(memcmp(out, frame->bytes, frame->l3) == 0);
	CHECK(memcmp(out + frame->headers, frame->bytes + frame->headers + at, payload) == 0);
	if (frame->v6) {
		CHECK(load16(ip + 4) == length - frame->l3 - 40);
		sum = sum_of(ip + 8, 32, sum);
	} else {
		CHECK(load16(ip + 2) == length - frame->l3);
		CHECK(load16(ip + 4) ==
		      (uint16_t)(load16(frame->bytes + frame->l3 + 4) + index));
		CHECK(sum_of(ip, frame->l4 - frame->l3, 0) == 0xffff);
		sum = sum_of(ip + 12, 8, sum);
	}
	CHECK(sum_of(l4, transport, sum) == 0xffff);
	if (!frame->tcp) {
		CHECK(load16(l4 + 4) == transport);
		return;
	}
	CHECK(load32(l4 + 4) == (uint32_t)(load32(frame->bytes + frame->l4 + 4) + at));
	CHECK((l4[13] & 0x09) == (last ? frame->bytes[frame->l4 + 13] & 0x09 : 0));
	CHECK((l4[13] & 0x80) == (index == 0 ? frame->bytes[frame->l4 + 13] & 0x80 : 0));
}

/* Cut `frame`, whose first `split` bytes lie apart from the rest, both in buffers of their exact size. */
static void cut(const struct frame *frame, size_t split, bool sound)
{
	uint8_t *first = malloc(split), *second = malloc(frame->length - split + 1), *out;
	struct segments segments = {
		.first = first, .second = second, .first_length = split, .length = frame->length};
	size_t length, at = 0;
	unsigned int index = 0;

	memcpy(first, frame->bytes, split);
	memcpy(second, frame->bytes + split, frame->length - split);
	if (!segments_begin(&segments, &frame->info)) {
		CHECK(!sound);
	} else {
		out = malloc(segments_longest(&segments));
		while ((length = segments_next(&segments, out))) {
			if (sound)
				check_segment(frame, out, length, at, index);
			at += length - segments.headers;
			index++;
		}
		CHECK(at == frame->length - segments.headers);
		free(out);
	}
	free(first);
	free(second);
}

static void mutate(struct frame *frame)
{
	for (unsigned int n = 1 + below(4); n > 0; n--)
		frame->bytes[below(140)] = (uint8_t)rand();
	if (below(2))
		((uint8_t *)&frame->info)[below(sizeof(frame->info))] = (uint8_t)rand();
	if (below(2))
		frame->length = below(200);
}

int main(void)
{
	static struct frame frame;

	for (round_number = 0; round_number < 500; round_number++) {
		make(&frame);
		cut(&frame, frame.headers + below((unsigned int)(frame.length - frame.headers) + 1), true);
		for (unsigned int i = 0; i < 30; i++) {
			uint8_t *exact;

			make(&frame);
			mutate(&frame);
			cut(&frame, below((unsigned int)frame.length + 1), false);
			frame.length %= 2000;
			exact = malloc(frame.length + 1);
			memcpy(exact, frame.bytes, frame.length);
			offload_checksum(exact, frame.length, (uint16_t)below(2100),
					 (uint16_t)below(40));
			free(exact);
		}
	}
	puts("ok");
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an interface with offloads leaves to its device: checksums that only cover the pseudo header, and packets as
 * long as 64 KiB that are to be cut into segments. Done here in software, so that a program sees ordinary packets.
 */
#ifndef P4K_DAEMON_OFFLOAD_H
#define P4K_DAEMON_OFFLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Missing from Debian 12's linux/virtio_net.h; the kernel has it since 6.2. */
#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5
#endif

struct virtio_net_hdr;

/* Complete the checksum that starts at `start` and is stored `offset` after. False: it is not within the packet. */
bool offload_checksum(uint8_t *data, size_t length, uint16_t start, uint16_t offset);

/* A long packet being cut. It lies in two parts, the first of which holds all of its headers. */
struct segments {
	const uint8_t *first, *second;
	size_t first_length, length; /* of the first part; of both */
	size_t l3, l4, headers;	     /* offsets of the IP and the transport header, bytes of all headers */
	size_t each;		     /* payload bytes of a segment, but the last */
	size_t at;		     /* payload bytes given so far */
	unsigned int index;	     /* segments given so far */
	bool v6, tcp;
};

/* False: the packet is not what `header` says, or of a kind that is not known here. */
bool segments_begin(struct segments *segments, const struct virtio_net_hdr *header);

/* Bytes of the longest segment. */
size_t segments_longest(const struct segments *segments);

/* The next segment into `out`; returns its length, 0 after the last. */
size_t segments_next(struct segments *segments, uint8_t *out);

#endif

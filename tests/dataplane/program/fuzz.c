/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs mutated and truncated packets through a program that is linked in, all of it under sanitizers.
 * fuzz PACKETS RECORDS COUNT SEED: files of u16 big-endian length + bytes; a record begins with its table (u16).
 */
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_SEEDS 4096
#define MOST_BYTES 2048

extern const struct p4k_program p4k_program;

struct piece {
	uint16_t length;
	uint8_t bytes[MOST_BYTES];
};

static uint64_t state;

static uint32_t below(uint32_t bound)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 32) % bound;
}

static unsigned int read_pieces(const char *path, struct piece *pieces)
{
	FILE *file = fopen(path, "rb");
	unsigned int n = 0;
	uint8_t head[2];

	if (file == NULL) {
		perror(path);
		exit(2);
	}
	while (n < MOST_SEEDS && fread(head, 1, 2, file) == 2) {
		struct piece *piece = &pieces[n++];

		piece->length = (uint16_t)(head[0] << 8 | head[1]);
		if (piece->length > MOST_BYTES || fread(piece->bytes, 1, piece->length, file) != piece->length) {
			fprintf(stderr, "%s: piece %u is cut off or too long\n", path, n);
			exit(2);
		}
	}
	fclose(file);
	return n;
}

/* One to four changes: bits, bytes, interesting values, a cut, a tail. */
static void mutate(struct piece *p)
{
	static const uint8_t values[] = {0x00, 0x01, 0x7f, 0x80, 0xff, 0x08, 0x45, 0x4f, 0x06, 0x11, 0x81, 0x86};

	for (uint32_t changes = 1 + below(4); changes; changes--) {
		const uint32_t at = p->length ? below(p->length) : 0;

		switch (p->length ? below(6) : 5) {
		case 0:
			p->bytes[at] ^= (uint8_t)(1u << below(8));
			break;
		case 1:
			p->bytes[at] = (uint8_t)below(256);
			break;
		case 2:
			p->bytes[at] = values[below(sizeof(values))];
			break;
		case 3:
			p->length = (uint16_t)at;
			break;
		case 4:
			memmove(p->bytes, p->bytes + at, (size_t)(p->length - at));
			p->length = (uint16_t)(p->length - at);
			break;
		default:
			for (uint32_t more = below(64); more && p->length < MOST_BYTES; more--)
				p->bytes[p->length++] = (uint8_t)below(256);
			break;
		}
	}
}

int main(int argc, char **argv)
{
	static struct piece packets[MOST_SEEDS], records[MOST_SEEDS];
	struct harness *harness;
	unsigned int n_packets, n_records;
	uint64_t passed = 0, dropped = 0;

	if (argc != 5) {
		fprintf(stderr, "usage: %s PACKETS RECORDS COUNT SEED\n", argv[0]);
		return 2;
	}
	n_packets = read_pieces(argv[1], packets);
	n_records = read_pieces(argv[2], records);
	state = strtoull(argv[4], NULL, 0) * 2 + 0x9e3779b97f4a7c15ull;
	harness = harness_new(&p4k_program);
	for (unsigned int i = 0; i < n_records; i++) {
		const unsigned int table = (unsigned int)(records[i].bytes[0] << 8 | records[i].bytes[1]);
		const int ret = harness_insert(harness, table, records[i].bytes + 2);

		if (ret != 0)
			fprintf(stderr, "record %u: %s\n", i, strerror(-ret));
	}
	for (uint64_t count = strtoull(argv[3], NULL, 0); count; count--) {
		static struct piece packet;
		unsigned int port;

		packet.length = 0;
		if (n_packets)
			packet = packets[below(n_packets)];
		mutate(&packet);
		port = harness_run(harness, below(4), packet.bytes, packet.length, below(2) ? 128 : below(8), 0,
				   NULL, 0, NULL);
		if (port == P4K_PORT_DROP)
			dropped++;
		else
			passed++;
	}
	printf("passed %llu dropped %llu", (unsigned long long)passed, (unsigned long long)dropped);
	for (unsigned int i = 0; i < p4k_program.n_drops; i++)
		printf(" %s %llu", p4k_program.drops[i], (unsigned long long)harness_drops(harness, i));
	printf("\n");
	harness_free(harness);
	return 0;
}

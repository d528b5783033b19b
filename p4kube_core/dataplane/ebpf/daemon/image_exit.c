/* SPDX-License-Identifier: Apache-2.0 */
#include "image_exit.h"

#include <errno.h>
#include <string.h>

#include <bpf/bpf.h>

/* What `near_exits` has of a way out; 0: packets ask `exits`. */
static int set_near(const struct image *image, uint32_t slot, uint32_t p4_port, uint64_t word)
{
	const uint32_t key = slot * P4K_BPF_NEAR + p4_port;

	return p4_port >= P4K_BPF_NEAR ? 0 :
					 bpf_map_update_elem(image_map(image, "near_exits"), &key, &word, BPF_ANY);
}

int image_set_exit(struct image *image, uint32_t slot, uint32_t p4_port,
		   const struct p4k_bpf_exit *way, struct failure *why)
{
	const uint32_t key = P4K_BPF_PLACE(slot, p4_port);
	const uint64_t word = way ? p4k_bpf_exit_word(*way) : 0;
	uint64_t *ports = &image->exits[slot][p4_port / 64];

	/* First of all, so that a process that is killed here leaves what is true in `exits`. */
	if (set_near(image, slot, p4_port, 0) != 0)
		return fail(why, FAIL_IO, "no way out by port %u: %s", p4_port, strerror(errno));
	if (!way) {
		bpf_map_delete_elem(image_map(image, "exits"), &key);
		*ports &= ~(UINT64_C(1) << p4_port % 64);
		return 0;
	}
	if (bpf_map_update_elem(image_map(image, "exits"), &key, &word, BPF_ANY) != 0 ||
	    set_near(image, slot, p4_port, word) != 0)
		return fail(why, FAIL_IO, "no way out by port %u: %s", p4_port, strerror(errno));
	*ports |= UINT64_C(1) << p4_port % 64;
	return 0;
}

bool image_has_exit(const struct image *image, uint32_t slot, uint32_t p4_port)
{
	return image->exits[slot][p4_port / 64] >> p4_port % 64 & 1;
}

unsigned int image_leave_exits(struct image *image, uint32_t slot, struct outer_element *elements)
{
	int exits = image_map(image, "exits");
	unsigned int n = 0;

	for (uint32_t port = 0; port < P4K_BPF_PORTS; port++)
		if (image_has_exit(image, slot, port)) {
			set_near(image, slot, port, 0);
			elements[n++] = (struct outer_element){exits, P4K_BPF_PLACE(slot, port)};
		}
	memset(image->exits[slot], 0, sizeof(image->exits[slot]));
	return n;
}

void image_find_exits(struct image *image)
{
	int exits = image_map(image, "exits");
	const uint32_t *before = NULL;
	uint32_t key;

	while (bpf_map_get_next_key(exits, before, &key) == 0) {
		uint32_t slot = key >> 16, port = key & 0xffff;

		before = &key;
		if (slot < P4K_BPF_SLOTS && port < P4K_BPF_PORTS)
			image->exits[slot][port / 64] |= UINT64_C(1) << port % 64;
	}
}

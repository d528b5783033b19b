/* SPDX-License-Identifier: Apache-2.0 */
#include "cells.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>

/* In front of the cells, which stay aligned. */
struct __rte_cache_aligned users {
	unsigned int n;
};

static struct users *users_of(void *cells)
{
	return (struct users *)cells - 1;
}

void *cells_make(size_t n, size_t bytes)
{
	size_t all = sizeof(struct users) + RTE_ALIGN_CEIL((n ? n : 1) * bytes, sizeof(struct users));
	struct users *users = aligned_alloc(sizeof(*users), all);

	if (!users)
		return NULL;
	memset(users, 0, all);
	users->n = 1;
	return users + 1;
}

void *cells_share(void *cells)
{
	users_of(cells)->n++;
	return cells;
}

void cells_free(void *cells)
{
	if (cells && --users_of(cells)->n == 0)
		free(users_of(cells));
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that packets work on, of one device or of several (one takes another's place). Control thread only. */
#ifndef P4K_DAEMON_CELLS_H
#define P4K_DAEMON_CELLS_H

#include <stddef.h>

/* n zeroed cells, one at least; NULL without memory. */
void *cells_make(size_t n, size_t bytes);
/* The same for one more user. */
void *cells_share(void *cells);
/* A user less; NULL is fine. */
void cells_free(void *cells);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What makes two programs' tables and cells the same, as text: equal where they are. */
#ifndef P4K_CONTROL_SIGNATURE_H
#define P4K_CONTROL_SIGNATURE_H

#include <jansson.h>

/* Of a table of a manifest, and of one of its counters, meters or registers; malloc'ed, or NULL without memory. */
char *signature_of_table(const json_t *manifest, const json_t *table);
char *signature_of_cells(const json_t *cells);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The default entry of a table in the kernel, and the generation of the table beside it. */
#ifndef P4K_BPF_DAEMON_MIRROR_DEFAULT_H
#define P4K_BPF_DAEMON_MIRROR_DEFAULT_H

#include "mirror.h"

/* Whether the table's default is the one that its program brings. */
bool mirror_has_own_default(const struct mirror *mirror, const struct p4k_table *table);
/* The other place gets the table's default, or its own program's where the table has its own program's. */
int mirror_default_share(const struct mirror *mirror, const struct p4k_table *table,
			 const struct mirror *with);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What generated BPF programs do with meters: meter_J has cells as registers and counters have. */
#ifndef P4K_BPF_METER_H
#define P4K_BPF_METER_H

#include "p4k_bpf_program.h"
#include "p4k_meter.h"

P4K_INLINE enum p4k_colour p4k_run_cell(struct p4k_meter_cell *cell, uint64_t tokens)
{
	return cell ? p4k_meter(cell, bpf_ktime_get_ns(), tokens) : P4K_GREEN;
}

#define p4k_run_meter(outer, w, index, tokens) p4k_run_cell(p4k_cell(&(outer), w, index), tokens)
#define p4k_run_direct_meter(outer, w, entry, tokens) p4k_run_cell(p4k_own_cell(outer, w, entry), tokens)

#endif

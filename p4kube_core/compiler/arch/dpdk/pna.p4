/* PNA with what p4c's DPDK target adds to its externs. */
#define __PNA_DPDK__
#include <pna.p4>

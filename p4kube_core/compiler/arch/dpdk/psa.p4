/* PSA with what p4c's DPDK target adds to its externs. */
#define __PSA_DPDK__
#include <psa.p4>

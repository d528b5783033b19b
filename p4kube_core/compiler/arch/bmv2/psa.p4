/* PSA by the path that p4c gives BMv2's. */
#include <psa.p4>

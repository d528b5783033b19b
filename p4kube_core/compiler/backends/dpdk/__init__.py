"""Target `dpdk`: C on the headers of dataplane/dpdk/runtime, one shared object a program."""

"""Target `ebpf`: C for clang -target bpf, one object a program, run by the kernel at tc."""

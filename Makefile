# P4Kube: what to type.
#
#   make build   installs what is missing (Debian packages, a virtual environment) and builds all
#   make demo    a firewall and a chain on a pod's wire, on both targets, real traffic
#   make test    every test there is
#   make check   what a change must pass: format, lint, types, layers, quick tests
#
# Everything made stays below .venv, .build and p4kube_core/dataplane/*/build.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := build
MAKEFLAGS += --no-print-directory

VENV := .venv
BIN := $(VENV)/bin
STAMPS := .build
DATAPLANE := p4kube_core/dataplane/dpdk
DATAPLANE_BPF := p4kube_core/dataplane/ebpf
CNI := p4kube_core/dataplane/cni

# Debian 12 and Ubuntu 24.04 name them alike.
PACKAGES := gcc make pkg-config libc6-dev libdpdk-dev libjansson-dev libpcap-dev \
	clang llvm libbpf-dev libelf-dev zlib1g-dev \
	iproute2 ethtool iperf3 iputils-ping procps git ca-certificates

# What only tests and benchmarks use: a guest on a vhost-user port; what functions are compared with;
# the plug-ins that ours is chained behind.
TEST_PACKAGES := qemu-system-x86 nftables containernetworking-plugins

TESTS ?= tests
JOBS ?= 2
# Many tests wait for packets rather than compute.
TEST_JOBS ?= $(shell echo $$(( 2 * $$(nproc) )))

.PHONY: build packages venv dataplane shell guest demo test check lint format clean help

build: dataplane
	@echo "== built: $(BIN)/p4kube"

help:
	@sed -n 's/^#   //p' Makefile

# dpkg is asked first: when nothing is missing this takes no network and no root.
packages:
	@.ci/packages $(PACKAGES)

venv: $(STAMPS)/venv.stamp

$(STAMPS)/venv.stamp: pyproject.toml | packages
	@mkdir -p $(STAMPS)
	@.ci/venv $(VENV)
	@echo "== python: installing p4kube and what it needs into $(VENV)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable . --group dev
	@touch $@

dataplane: packages venv
	@echo "== data planes: building what changed in $(DATAPLANE), $(DATAPLANE_BPF) and $(CNI)"
	@$(MAKE) -C $(DATAPLANE) -j$(JOBS)
	@$(MAKE) -C $(DATAPLANE_BPF) -j$(JOBS)
	@$(MAKE) -C $(CNI)

# p4runtime-shell pins an old protobuf, so it lives apart from us.
shell: $(STAMPS)/shell.stamp

$(STAMPS)/shell.stamp: pyproject.toml | packages
	@mkdir -p $(STAMPS)
	@.ci/venv $(STAMPS)/shell
	@echo "== python: installing p4runtime-shell into $(STAMPS)/shell"
	@$(STAMPS)/shell/bin/python -m pip install --quiet --disable-pip-version-check --group shell
	@touch $@

# What the guest boots; unpacked, not installed.
guest:
	@.ci/guest $(STAMPS)/guest

demo: build
	@exec $(BIN)/p4kube demo

# Tests that must not run beside each other share an xdist group.
test: build shell guest
	@.ci/packages $(TEST_PACKAGES)
	@echo "== data plane: the same under AddressSanitizer, for tests"
	@$(MAKE) -C $(DATAPLANE) -j$(JOBS) asan
	@$(MAKE) -C $(DATAPLANE_BPF) -j$(JOBS) asan
	@$(MAKE) -C $(CNI) asan
	@echo "== tests: $(TESTS)"
	@$(BIN)/python -m pytest -n $(TEST_JOBS) --dist loadgroup $(TESTS)

check: build lint
	@$(BIN)/python -m pytest -q -n $(JOBS) --dist loadgroup tests/unit tests/golden

lint: venv
	@echo "== ruff format, ruff, mypy --strict, import-linter"
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: venv
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

clean:
	@$(MAKE) -C $(DATAPLANE) clean
	@$(MAKE) -C $(DATAPLANE_BPF) clean
	@$(MAKE) -C $(CNI) clean
	@rm -rf $(VENV) $(STAMPS) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

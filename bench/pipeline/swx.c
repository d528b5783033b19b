/* SPDX-License-Identifier: Apache-2.0 */
/*
 * l3.spec in DPDK's SWX pipeline, interpreted and compiled. Its ports are the same source and sink
 * as everyone's, in bursts of the same size. One worker alternates between taking packets and
 * running the pipeline, as SWX means it.
 */
#include "candidate.h"
#include "workload.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <rte_swx_ctl.h>
#include <rte_swx_pipeline.h>
#include <rte_swx_port.h>
#include <rte_swx_port_ring.h>

#include "l3_spec.h"

#define INSTRUCTIONS 1000 /* a call of rte_swx_pipeline_run() */
#define OUT_PORTS (N_PORTS + 1)

static struct rte_swx_pipeline *interpreted, *compiled;

static struct {
	struct rte_mbuf *mbufs[BURST];
	unsigned int at, n;
	bool dry;
	uint32_t taken;
} in;

static struct {
	struct rte_mbuf *mbufs[BURST];
	unsigned int n;
} out;

static uint16_t out_ports[OUT_PORTS];

static void *
in_create(void *arguments)
{
	(void)arguments;
	return &in;
}

static void *
out_create(void *arguments)
{
	static unsigned int n;
	uint16_t *port = &out_ports[n % OUT_PORTS];

	(void)arguments;
	*port = n % OUT_PORTS == N_PORTS ? DROPPED : (uint16_t)(n % OUT_PORTS);
	n++;
	return port;
}

static void
port_free(void *port)
{
	(void)port;
}

static int
in_packet(void *port, struct rte_swx_pkt *packet)
{
	struct rte_mbuf *mbuf;

	(void)port;
	if (in.at == in.n) {
		in.at = 0;
		in.n = source_burst(in.mbufs);
		if (in.n == 0) {
			in.dry = true;
			return 0;
		}
		in.taken += in.n;
	}
	mbuf = in.mbufs[in.at++];
	packet->handle = mbuf;
	packet->pkt = mbuf->buf_addr;
	packet->offset = mbuf->data_off;
	packet->length = mbuf->pkt_len;
	return 1;
}

static void
out_flush(void *port)
{
	(void)port;
	sink_burst(out.mbufs, out.n);
	out.n = 0;
}

static void
out_packet(void *port, struct rte_swx_pkt *packet)
{
	struct rte_mbuf *mbuf = packet->handle;

	mbuf->data_off = (uint16_t)packet->offset;
	mbuf->data_len = (uint16_t)packet->length;
	mbuf->pkt_len = packet->length;
	mbuf->port = *(const uint16_t *)port;
	out.mbufs[out.n++] = mbuf;
	if (out.n == BURST)
		out_flush(port);
}

static void
out_clone(void *port, struct rte_swx_pkt *packet)
{
	(void)port;
	(void)packet;
}

static void
out_clone_part(void *port, struct rte_swx_pkt *packet, uint32_t length)
{
	(void)length;
	out_clone(port, packet);
}

static void
in_statistics(void *port, struct rte_swx_port_in_stats *statistics)
{
	(void)port;
	memset(statistics, 0, sizeof(*statistics));
}

static void
out_statistics(void *port, struct rte_swx_port_out_stats *statistics)
{
	(void)port;
	memset(statistics, 0, sizeof(*statistics));
}

static const struct rte_swx_port_in_ops in_ops = {in_create, port_free, in_packet, in_statistics};
static const struct rte_swx_port_out_ops out_ops = {
	out_create, port_free, out_packet, out_clone, out_clone_part, out_flush, out_statistics,
};

static bool
succeeded(const char *what, int status)
{
	if (status != 0)
		fprintf(stderr, "SWX: %s: %s\n", what, strerror(-status));
	return status == 0;
}

static bool
add_entry(struct rte_swx_ctl_pipeline *control, const char *table, const char *text)
{
	struct rte_swx_table_entry *entry =
	    rte_swx_ctl_pipeline_table_entry_read(control, table, text, NULL);

	return entry != NULL &&
	       succeeded(text, rte_swx_ctl_pipeline_table_entry_add(control, table, entry));
}

static uint64_t
address48(const uint8_t *bytes)
{
	uint64_t value = 0;

	for (unsigned int i = 0; i < 6; i++)
		value = value << 8 | bytes[i];
	return value;
}

static bool
add_entries(struct rte_swx_pipeline *pipeline)
{
	struct rte_swx_ctl_pipeline *control = rte_swx_ctl_pipeline_create(pipeline);
	char text[256];

	if (control == NULL)
		return false;
	for (unsigned int i = 0; i < N_ROUTES; i++) {
		uint32_t mask = (uint32_t)(UINT64_MAX << (32 - routes[i].bits));

		snprintf(text, sizeof(text),
			 "match 0x%" PRIx32 "/0x%" PRIx32 " action set_next_hop next_hop 0x%x",
			 routes[i].prefix, mask, routes[i].next_hop);
		if (!add_entry(control, "routes", text))
			return false;
	}
	for (unsigned int i = 0; i < N_HOPS; i++) {
		snprintf(text, sizeof(text),
			 "match 0x%x action forward dst_addr 0x%" PRIx64 " src_addr 0x%" PRIx64
			 " port 0x%x",
			 i, address48(hops[i].dst_addr), address48(hops[i].src_addr), hops[i].port);
		if (!add_entry(control, "next_hops", text))
			return false;
	}
	return succeeded("commit", rte_swx_ctl_pipeline_commit(control, 1));
}

static bool
add_ports(struct rte_swx_pipeline *pipeline)
{
	struct rte_swx_port_in_ops take = in_ops;
	struct rte_swx_port_out_ops give = out_ops;

	if (!succeeded("input type",
		       rte_swx_pipeline_port_in_type_register(pipeline, "memory", &take)) ||
	    !succeeded("output type",
		       rte_swx_pipeline_port_out_type_register(pipeline, "memory", &give)) ||
	    !succeeded("input", rte_swx_pipeline_port_in_config(pipeline, 0, "memory", NULL)))
		return false;
	for (uint32_t i = 0; i < OUT_PORTS; i++)
		if (!succeeded("output",
			       rte_swx_pipeline_port_out_config(pipeline, i, "memory", NULL)))
			return false;
	return true;
}

bool
swx_interpreted_setup(const char *argument)
{
	(void)argument;
	return succeeded("config", rte_swx_pipeline_config(&interpreted, "interpreted", 0)) &&
	       add_ports(interpreted) && succeeded("l3.spec", l3_spec_configure(interpreted)) &&
	       succeeded("build", rte_swx_pipeline_build(interpreted)) && add_entries(interpreted);
}

/*
 * A library's pipeline knows DPDK's own kinds of port only, so ours take the place of its ring
 * ports.
 */
bool
swx_compiled_setup(const char *library)
{
	static char ports[] = "port in 0 ring R bsz 32\n"
			      "port out 0 ring R bsz 32\n"
			      "port out 1 ring R bsz 32\n"
			      "port out 2 ring R bsz 32\n"
			      "port out 3 ring R bsz 32\n"
			      "port out 4 ring R bsz 32\n";
	FILE *file = fmemopen(ports, sizeof(ports) - 1, "r");
	bool done;

	rte_swx_port_ring_reader_ops = in_ops;
	rte_swx_port_ring_writer_ops = out_ops;
	done = file != NULL &&
	       succeeded(library, rte_swx_pipeline_build_from_lib(&compiled, "compiled", library,
								  file, 0)) &&
	       add_entries(compiled);
	if (file != NULL)
		fclose(file);
	return done;
}

static void
run(struct rte_swx_pipeline *pipeline)
{
	in.at = in.n = in.taken = 0;
	in.dry = false;
	while (!in.dry || sink_count() + out.n < in.taken)
		rte_swx_pipeline_run(pipeline, INSTRUCTIONS);
	rte_swx_pipeline_flush(pipeline);
	if (out.n > 0)
		out_flush(NULL);
}

void
swx_interpreted_run(void)
{
	run(interpreted);
}

void
swx_compiled_run(void)
{
	run(compiled);
}

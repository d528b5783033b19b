/* SPDX-License-Identifier: Apache-2.0 */
/* One request and its answer (docs/seams.md, 4), apart from how they travel. */
#ifndef P4K_CONTROL_MESSAGE_H
#define P4K_CONTROL_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "failure.h"

#define MESSAGE_MAX (64u << 20) /* bytes after the first length */
#define JSON_MAX (1u << 20)

struct connection;

struct request {
	struct connection *from;
	const json_t *json; /* an object */
	const uint8_t *blob;
	size_t blob_length;
};

struct answer {
	json_t *json; /* an object that holds "ok"; operations add to it */
	uint8_t *blob; /* malloc'ed by the operation, or NULL */
	size_t blob_length;
};

typedef int (*operation)(const struct request *request, struct answer *answer,
			 struct failure *why);

/* What hello says of this kind of data plane: workers, hugepages; the data plane brings it. */
void describe_process(json_t *answer);

/* The operation of that name, or NULL; operation.c. */
operation operation_find(const char *name);

/* From operation_port.c, operation_device.c, operation_entry.c, operation_counter.c and so on. */
int op_port_add(const struct request *, struct answer *, struct failure *);
int op_port_remove(const struct request *, struct answer *, struct failure *);
int op_port_list(const struct request *, struct answer *, struct failure *);
int op_wire(const struct request *, struct answer *, struct failure *);
int op_unwire(const struct request *, struct answer *, struct failure *);
int op_inject(const struct request *, struct answer *, struct failure *);
int op_collect(const struct request *, struct answer *, struct failure *);
int op_packet_out(const struct request *, struct answer *, struct failure *);
int op_subscribe(const struct request *, struct answer *, struct failure *);
int op_device_add(const struct request *, struct answer *, struct failure *);
int op_device_replace(const struct request *, struct answer *, struct failure *);
int op_device_remove(const struct request *, struct answer *, struct failure *);
int op_device_list(const struct request *, struct answer *, struct failure *);
int op_entries_write(const struct request *, struct answer *, struct failure *);
int op_entries_read(const struct request *, struct answer *, struct failure *);
int op_default_write(const struct request *, struct answer *, struct failure *);
int op_default_read(const struct request *, struct answer *, struct failure *);
int op_counter_read(const struct request *, struct answer *, struct failure *);
int op_counter_write(const struct request *, struct answer *, struct failure *);
int op_direct_counter_write(const struct request *, struct answer *, struct failure *);
int op_meter_read(const struct request *, struct answer *, struct failure *);
int op_meter_write(const struct request *, struct answer *, struct failure *);
int op_direct_meter_write(const struct request *, struct answer *, struct failure *);
int op_register_read(const struct request *, struct answer *, struct failure *);
int op_register_write(const struct request *, struct answer *, struct failure *);

/* What several of them need: the device a request names, or NULL with `why`. */
struct device;
struct device *wanted_device(const struct request *request, const char *field,
			     struct failure *why);

/*
 * Answer what came in `bytes` (all after the first length). Returns the answer with its lengths, malloc'ed, or NULL
 * without memory.
 */
uint8_t *message_answer(struct connection *from, const uint8_t *bytes, size_t length,
			size_t *answer_length);

/* A message with its lengths, malloc'ed, or NULL without memory. */
uint8_t *message_pack(const json_t *json, const uint8_t *blob, size_t blob_length, size_t *length);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "device.h"
#include "field.h"
#include "message.h"
#include "module.h"
#include "table_request.h"

#define COUNTS_BYTES 16
#define RECORDS_MAX (1u << 20) /* of one request */
#define READ_BYTES_MAX (32u << 20)
_Static_assert(P4K_PARTS_MAX == 1024, "a sentence below says so");

/* The failure of one record, as the table's errno says it. */
static enum failure_code code_of(int error)
{
	switch (-error) {
	case EINVAL:
	case ENOTSUP:
		return FAIL_INVALID;
	case EEXIST:
		return FAIL_EXISTS;
	case ENOENT:
		return FAIL_NOT_FOUND;
	case EIO:
		return FAIL_IO;
	default:
		return FAIL_FULL;
	}
}

/* Short: all records of a request may fail, and the answer must fit into a message. */
static const char *sentence_of(int error)
{
	switch (-error) {
	case EINVAL:
		return "wrong mask, prefix, range or key bits";
	case EEXIST:
		return "there is such an entry";
	case ENOENT:
		return "there is no such entry";
	case ENOTSUP:
		return "there is no such action";
	case ENOSPC:
		return "the table is full";
	case E2BIG:
		return "too many different masks";
	case ERANGE:
		return "its ranges make more than 1024 prefixes";
	case EIO:
		return "the kernel refused it";
	default:
		return "no memory";
	}
}

static bool mode_of(const char *word, enum table_mode *mode)
{
	static const char *const words[] = {
		[TABLE_INSERT] = "insert",
		[TABLE_MODIFY] = "modify",
		[TABLE_DELETE] = "delete",
		[TABLE_UPSERT] = "upsert",
	};

	for (size_t i = 0; i < ARRAY_DIM(words); i++) {
		if (strcmp(words[i], word) == 0) {
			*mode = (enum table_mode)i;
			return true;
		}
	}
	return false;
}

int table_record_write(const struct target *target, enum table_mode mode, const uint8_t *record)
{
	static int (*const writes[])(struct p4k_table *, const uint8_t *) = {
		[TABLE_INSERT] = p4k_table_insert,
		[TABLE_MODIFY] = p4k_table_modify,
		[TABLE_DELETE] = p4k_table_delete,
		[TABLE_UPSERT] = p4k_table_upsert,
	};
	const struct p4k_program *program = target->device->program;
	uint16_t action = load16(record + target->record_bytes - target->spec->data_bytes - 2);

	if (mode != TABLE_DELETE &&
	    (action >= program->n_actions ||
	     program->actions[action].data_bytes > target->spec->data_bytes))
		return -ENOTSUP;
	return writes[mode](target->table, record);
}

/* The failure of one record into the answer's list. */
static void note(void *failed, uint64_t position, int error)
{
	json_array_append_new(failed, json_pack("[I, s, s]", (json_int_t)position,
						failure_name(code_of(error)), sentence_of(error)));
}

int op_entries_write(const struct request *request, struct answer *answer, struct failure *why)
{
	struct target target;
	enum table_mode mode;
	const char *word;
	uint64_t count;
	json_t *failed;

	if (target_read(request, &target, why) != 0 ||
	    field_string(request->json, "mode", 16, &word, why) != 0 ||
	    field_number(request->json, "count", 0, RECORDS_MAX, &count, why) != 0)
		return -1;
	if (!mode_of(word, &mode))
		return fail(why, FAIL_INVALID,
			    "mode: want insert, modify, delete or upsert; got '%s'", word);
	if (request->blob_length != count * target.record_bytes)
		return fail(why, FAIL_INVALID, "want %zu bytes a record of table '%s'; got %zu bytes for %zu",
			    target.record_bytes, target.spec->name, request->blob_length,
			    (size_t)count);
	failed = json_array();
	table_write(&target, mode, request->blob, count, note, failed);
	json_object_set_new(answer->json, "failed", failed);
	return 0;
}

static struct p4k_cell counts_of(const struct target *target, uint32_t slot)
{
	return target->direct ? counter_read(target->direct, slot) : (struct p4k_cell){0};
}

int op_entries_read(const struct request *request, struct answer *answer, struct failure *why)
{
	uint64_t cursor64, limit, count = 0;
	const struct p4k_entry *entry = NULL;
	struct target target;
	uint32_t cursor;
	size_t each;

	if (target_read(request, &target, why) != 0 ||
	    field_number_or(request->json, "cursor", 0, UINT32_MAX, 0, &cursor64, why) != 0)
		return -1;
	each = target.record_bytes + COUNTS_BYTES;
	if (field_number_or(request->json, "limit", 1, UINT32_MAX, 65536, &limit, why) != 0)
		return -1;
	if (limit > READ_BYTES_MAX / each)
		limit = READ_BYTES_MAX / each;
	if (limit > p4k_table_count(target.table))
		limit = (uint64_t)p4k_table_count(target.table) + 1;
	answer->blob = malloc(limit * each);
	if (!answer->blob)
		return fail(why, FAIL_FULL, "no memory for the answer");
	cursor = (uint32_t)cursor64;
	while (count < limit && (entry = p4k_table_next(target.table, &cursor))) {
		uint8_t *at = answer->blob + count++ * each;

		p4k_table_record(target.table, entry, at);
		store_cell(at + target.record_bytes, counts_of(&target, entry->slot));
	}
	answer->blob_length = count * each;
	json_object_set_new(answer->json, "count", json_integer((json_int_t)count));
	if (entry)
		json_object_set_new(answer->json, "cursor", json_integer(cursor));
	return 0;
}

int op_default_write(const struct request *request, struct answer *answer, struct failure *why)
{
	uint8_t data[UINT16_MAX] = {0};
	struct target target;
	size_t bytes;
	uint16_t action;
	int ret;

	(void)answer;
	if (target_read(request, &target, why) != 0)
		return -1;
	if (request->blob_length == 0) {
		ret = table_set_default(&target, 0, NULL);
		return ret == 0 ? 0 : fail(why, code_of(ret), "%s", sentence_of(ret));
	}
	bytes = request->blob_length < 2 ? 0 : request->blob_length - 2;
	action = request->blob_length < 2 ? UINT16_MAX : load16(request->blob);
	if (action >= target.device->program->n_actions)
		return fail(why, FAIL_INVALID, "table '%s': there is no such action",
			    target.spec->name);
	/* The action's own data, or padded as in an entry. */
	if (bytes > target.spec->data_bytes ||
	    bytes < target.device->program->actions[action].data_bytes)
		return fail(why, FAIL_INVALID, "table '%s': want %u to %u bytes of action data; got %zu",
			    target.spec->name, target.device->program->actions[action].data_bytes,
			    target.spec->data_bytes, bytes);
	memcpy(data, request->blob + 2, bytes);
	ret = table_set_default(&target, action, data);
	return ret == 0 ? 0 : fail(why, code_of(ret), "%s", sentence_of(ret));
}

int op_default_read(const struct request *request, struct answer *answer, struct failure *why)
{
	const struct p4k_entry *entry;
	struct target target;
	size_t bytes;

	if (target_read(request, &target, why) != 0)
		return -1;
	bytes = target.spec->data_bytes;
	answer->blob_length = 2 + bytes + COUNTS_BYTES;
	answer->blob = malloc(answer->blob_length);
	if (!answer->blob)
		return fail(why, FAIL_FULL, "no memory for the answer");
	entry = p4k_default(target.table);
	store16(answer->blob, entry->action);
	memcpy(answer->blob + 2, entry->data, bytes);
	store_cell(answer->blob + 2 + bytes, counts_of(&target, entry->slot));
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "message.h"

#include <stdlib.h>
#include <string.h>

#include "bytes.h"

static json_t *parse(const uint8_t *bytes, size_t length, size_t *json_length, struct failure *why)
{
	json_error_t error;
	json_t *json;

	if (length < 4 || load32(bytes) > length - 4 || load32(bytes) > JSON_MAX) {
		fail(why, FAIL_INVALID,
		     "want the length of the JSON, at most 1 MiB and within the message; got %zu in %zu bytes",
		     length < 4 ? (size_t)0 : (size_t)load32(bytes), length);
		return NULL;
	}
	*json_length = load32(bytes);
	json = json_loadb((const char *)bytes + 4, *json_length, JSON_REJECT_DUPLICATES, &error);
	if (!json) {
		fail(why, FAIL_INVALID, "want JSON; at byte %d: %s", error.position, error.text);
		return NULL;
	}
	if (!json_is_object(json)) {
		fail(why, FAIL_INVALID, "want a JSON object");
		json_decref(json);
		return NULL;
	}
	return json;
}

static int perform(struct connection *from, const uint8_t *bytes, size_t length,
		   struct answer *answer, struct failure *why)
{
	struct request request;
	size_t json_length;
	const char *name;
	operation perform_it;
	json_t *json = parse(bytes, length, &json_length, why);
	int ret = -1;

	if (!json)
		return -1;
	request = (struct request){
		.from = from,
		.json = json,
		.blob = bytes + 4 + json_length,
		.blob_length = length - 4 - json_length,
	};
	name = json_string_value(json_object_get(json, "op"));
	perform_it = name ? operation_find(name) : NULL;
	if (perform_it)
		ret = perform_it(&request, answer, why);
	else if (name)
		fail(why, FAIL_UNSUPPORTED, "op: there is no operation '%.64s'", name);
	else
		fail(why, FAIL_INVALID, "op: want a string");
	json_decref(json);
	return ret;
}

/* Text that may hold what the peer sent: whatever is not printable ASCII becomes '?'. */
static void make_printable(char *text)
{
	for (; *text; text++)
		if (*text < ' ' || *text > '~')
			*text = '?';
}

uint8_t *message_pack(const json_t *json, const uint8_t *blob, size_t blob_length, size_t *length)
{
	char *text = json_dumps(json, JSON_COMPACT);
	size_t text_length = text ? strlen(text) : 0;
	size_t total = 8 + text_length + blob_length;
	uint8_t *bytes = text ? malloc(total) : NULL;

	if (bytes) {
		store32(bytes, (uint32_t)(total - 4));
		store32(bytes + 4, (uint32_t)text_length);
		memcpy(bytes + 8, text, text_length);
		if (blob_length)
			memcpy(bytes + 8 + text_length, blob, blob_length);
		*length = total;
	}
	free(text);
	return bytes;
}

uint8_t *message_answer(struct connection *from, const uint8_t *bytes, size_t length,
			size_t *answer_length)
{
	struct answer answer = {.json = json_pack("{s:b}", "ok", 1)};
	struct failure why = {0};
	uint8_t *packed;

	if (perform(from, bytes, length, &answer, &why) != 0) {
		json_decref(answer.json);
		free(answer.blob);
		make_printable(why.message);
		answer = (struct answer){
			.json = json_pack("{s:{s:s, s:s}}", "error", "code", failure_name(why.code),
					  "message", why.message),
		};
	}
	packed = message_pack(answer.json, answer.blob, answer.blob_length, answer_length);
	json_decref(answer.json);
	free(answer.blob);
	return packed;
}

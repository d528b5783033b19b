/* SPDX-License-Identifier: Apache-2.0 */
#include "field.h"

#include <inttypes.h>
#include <string.h>

int field_string(const json_t *request, const char *name, size_t most, const char **value,
		 struct failure *why)
{
	const json_t *field = json_object_get(request, name);
	size_t length;

	if (!json_is_string(field))
		return fail(why, FAIL_INVALID, "%s: want a string", name);
	length = json_string_length(field);
	if (length == 0 || length > most)
		return fail(why, FAIL_INVALID, "%s: want 1 to %zu bytes; got %zu", name, most, length);
	*value = json_string_value(field);
	if (strlen(*value) != length)
		return fail(why, FAIL_INVALID, "%s: want no zero byte", name);
	return 0;
}

int field_number(const json_t *request, const char *name, uint64_t low, uint64_t high,
		 uint64_t *value, struct failure *why)
{
	const json_t *field = json_object_get(request, name);
	json_int_t number = json_integer_value(field);

	if (!json_is_integer(field))
		return fail(why, FAIL_INVALID, "%s: want a whole number", name);
	if (number < 0 || (uint64_t)number < low || (uint64_t)number > high)
		return fail(why, FAIL_INVALID, "%s: want %" PRIu64 " to %" PRIu64 "; got %" JSON_INTEGER_FORMAT,
			    name, low, high, number);
	*value = (uint64_t)number;
	return 0;
}

int field_number_or(const json_t *request, const char *name, uint64_t low, uint64_t high,
		    uint64_t absent, uint64_t *value, struct failure *why)
{
	const json_t *field = json_object_get(request, name);

	*value = absent;
	if (!field || json_is_null(field))
		return 0;
	return field_number(request, name, low, high, value, why);
}

int field_bool_or(const json_t *request, const char *name, bool absent, bool *value,
		  struct failure *why)
{
	const json_t *field = json_object_get(request, name);

	*value = absent;
	if (!field || json_is_null(field))
		return 0;
	if (!json_is_boolean(field))
		return fail(why, FAIL_INVALID, "%s: want true or false", name);
	*value = json_boolean_value(field);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Fields of a request's JSON, checked. Each returns 0, or -1 with FAIL_INVALID naming the field. */
#ifndef P4K_CONTROL_FIELD_H
#define P4K_CONTROL_FIELD_H

#include <stdbool.h>

#include <jansson.h>

#include "failure.h"

/* 1 to most bytes. The string lives as long as the request. */
int field_string(const json_t *request, const char *name, size_t most, const char **value,
		 struct failure *why);
int field_number(const json_t *request, const char *name, uint64_t low, uint64_t high,
		 uint64_t *value, struct failure *why);
/* As field_number, with a value for when the field is absent. */
int field_number_or(const json_t *request, const char *name, uint64_t low, uint64_t high,
		    uint64_t absent, uint64_t *value, struct failure *why);
int field_bool_or(const json_t *request, const char *name, bool absent, bool *value,
		  struct failure *why);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Why there is no answer of the agent: a function that can fail returns -1 and says so here. */
#ifndef P4K_CNI_FAILURE_H
#define P4K_CNI_FAILURE_H

/* Codes of the CNI specification, "Error". */
enum cni_code {
	CNI_INVALID_ENVIRONMENT = 4,
	CNI_IO_FAILURE = 5,
	CNI_INVALID_CONFIGURATION = 7,
	CNI_TRY_AGAIN_LATER = 11,
	CNI_NOT_AVAILABLE = 50,
};

struct failure {
	enum cni_code code;
	char sentence[512]; /* what was wanted, what was found, where */
};

int fail(struct failure *why, enum cni_code code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif

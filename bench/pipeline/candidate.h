/* SPDX-License-Identifier: Apache-2.0 */
/* One way to forward the packets. */
#ifndef CANDIDATE_H
#define CANDIDATE_H

#include <stdbool.h>

/* run() takes packets from the source until there are none and gives each to the sink. */
struct candidate {
	const char *name;
	/* false: cannot be had here; the reason is on stderr */
	bool (*setup)(const char *argument);
	void (*run)(void);
	const char *argument; /* NULL: left out */
};

bool ours_setup(const char *program);
void ours_run(void);

bool hand_setup(const char *argument);
void hand_run(void);

bool swx_interpreted_setup(const char *argument);
void swx_interpreted_run(void);

/* library: what rte_swx_pipeline_codegen() made of l3.spec, compiled. */
bool swx_compiled_setup(const char *library);
void swx_compiled_run(void);

#endif

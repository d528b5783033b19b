/* SPDX-License-Identifier: Apache-2.0 */
#include "object.h"

#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#define OBJECT_MAX (64 << 20)
#define TABLE_ENTRIES_MAX (1u << 26)
#define DIGEST_BYTES_MAX 4096

/* The file into memory; the loader takes what is on file systems mounted noexec (/run) only from there. */
static int copy(const char *path, struct failure *why)
{
	int from = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), to;
	struct stat status;
	off_t offset = 0;

	if (from < 0)
		return fail(why, errno == ENOENT ? FAIL_NOT_FOUND : FAIL_IO, "object %s: %s", path,
			    strerror(errno));
	if (fstat(from, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size == 0 ||
	    status.st_size > OBJECT_MAX) {
		close(from);
		return fail(why, FAIL_INVALID, "object %s: want a file of 1 byte to 64 MB", path);
	}
	to = memfd_create("p4kube-program", MFD_CLOEXEC);
	while (to >= 0 && offset < status.st_size) {
		ssize_t sent = sendfile(to, from, &offset, (size_t)(status.st_size - offset));

		if (sent <= 0) {
			close(to);
			to = -1;
		}
	}
	close(from);
	if (to < 0)
		return fail(why, FAIL_IO, "object %s: cannot be copied: %s", path, strerror(errno));
	return to;
}

/* The loader maps what the headers promise and dies where the file is shorter. */
static int check_whole(int file, const char *path, struct failure *why)
{
	struct stat status;
	const uint8_t *bytes;
	Elf64_Ehdr elf;
	bool whole = false;

	if (fstat(file, &status) != 0 || (size_t)status.st_size < sizeof(elf))
		return fail(why, FAIL_INVALID, "object %s: want a shared object", path);
	bytes = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, file, 0);
	if (bytes == MAP_FAILED)
		return fail(why, FAIL_FULL, "object %s: no memory for it", path);
	memcpy(&elf, bytes, sizeof(elf));
	if (memcmp(elf.e_ident, ELFMAG, SELFMAG) == 0 && elf.e_ident[EI_CLASS] == ELFCLASS64 &&
	    elf.e_type == ET_DYN && elf.e_phentsize == sizeof(Elf64_Phdr) &&
	    elf.e_phoff <= (size_t)status.st_size &&
	    elf.e_phnum <= ((size_t)status.st_size - elf.e_phoff) / sizeof(Elf64_Phdr)) {
		whole = true;
		for (unsigned int i = 0; i < elf.e_phnum; i++) {
			Elf64_Phdr part;

			memcpy(&part, bytes + elf.e_phoff + i * sizeof(part), sizeof(part));
			whole = whole && part.p_filesz <= (size_t)status.st_size &&
				part.p_offset <= (size_t)status.st_size - part.p_filesz;
		}
	}
	munmap((void *)(uintptr_t)bytes, (size_t)status.st_size);
	return whole ? 0 : fail(why, FAIL_INVALID, "object %s: want a whole shared object", path);
}

/* Each behind the one before, within the key. */
static bool has_sound_ranges(const struct p4k_table_spec *table)
{
	uint32_t end = 0;

	if (table->n_ranges > 0 && (table->kind != P4K_TERNARY || !table->ranges))
		return false;
	for (unsigned int i = 0; i < table->n_ranges; i++) {
		if (table->ranges[i].offset < end || table->ranges[i].bytes == 0)
			return false;
		end = (uint32_t)table->ranges[i].offset + table->ranges[i].bytes;
	}
	return end <= table->key_bytes;
}

static int check_table(const struct p4k_program *program, const struct p4k_table_spec *table,
		       const char *path, struct failure *why)
{
	if (!table->name || table->kind > P4K_TERNARY || table->size == 0 ||
	    table->size > TABLE_ENTRIES_MAX || (table->key_bytes == 0 && table->kind != P4K_EXACT) ||
	    table->default_action >= program->n_actions || table->n_const_entries > table->size ||
	    (table->n_const_entries > 0 && !table->const_entries) || !has_sound_ranges(table))
		return fail(why, FAIL_INVALID, "object %s: table '%s' is not well formed", path,
			    table->name ? table->name : "?");
	return 0;
}

static int check(const struct p4k_program *program, const char *path, struct failure *why)
{
	if (program->abi != P4K_ABI)
		return fail(why, FAIL_UNSUPPORTED, "object %s: want ABI %d; it has %u", path, P4K_ABI,
			    program->abi);
	if (!program->name || !program->digest || !program->process ||
	    (program->n_tables && !program->tables) || (program->n_actions && !program->actions) ||
	    (program->n_counters && !program->counters) || (program->n_drops && !program->drops) ||
	    (program->n_registers && !program->registers) ||
	    (program->n_meters && !program->meters) || (program->n_digests && !program->digests))
		return fail(why, FAIL_INVALID, "object %s: its description is incomplete", path);
	for (unsigned int i = 0; i < program->n_tables; i++)
		if (check_table(program, &program->tables[i], path, why) != 0)
			return -1;
	for (unsigned int i = 0; i < program->n_counters; i++) {
		const struct p4k_counter_spec *counter = &program->counters[i];

		if (!counter->name || counter->table < -1 || counter->table >= program->n_tables ||
		    counter->size > TABLE_ENTRIES_MAX)
			return fail(why, FAIL_INVALID, "object %s: counter %u is not well formed",
				    path, i);
	}
	for (unsigned int i = 0; i < program->n_registers; i++) {
		const struct p4k_register_spec *spec = &program->registers[i];

		if (!spec->name || spec->width_bits == 0 || spec->width_bits > 128 ||
		    spec->size > TABLE_ENTRIES_MAX)
			return fail(why, FAIL_INVALID, "object %s: register %u is not well formed",
				    path, i);
	}
	for (unsigned int i = 0; i < program->n_meters; i++) {
		const struct p4k_meter_spec *meter = &program->meters[i];

		if (!meter->name || meter->table < -1 || meter->table >= program->n_tables ||
		    meter->size > TABLE_ENTRIES_MAX)
			return fail(why, FAIL_INVALID, "object %s: meter %u is not well formed", path,
				    i);
	}
	for (unsigned int i = 0; i < program->n_digests; i++)
		if (!program->digests[i].name || program->digests[i].data_bytes > DIGEST_BYTES_MAX)
			return fail(why, FAIL_INVALID, "object %s: digest %u is not well formed",
				    path, i);
	for (unsigned int i = 0; i < program->n_drops; i++)
		if (!program->drops[i])
			return fail(why, FAIL_INVALID, "object %s: drop %u has no name", path, i);
	return 0;
}

/* A program may be of this ABI and yet look tables up as they were once; without a digest it was made by hand. */
static int check_headers(void *handle, const char *path, struct failure *why)
{
	const char *headers = dlsym(handle, "p4k_headers");

	if (headers && strcmp(headers, P4K_HEADERS) != 0)
		return fail(why, FAIL_UNSUPPORTED,
			    "object %s: compiled with headers %.12s; this data plane has %.12s: build "
			    "both from one version",
			    path, headers, P4K_HEADERS);
	return 0;
}

int object_load(struct object *object, const char *path, struct failure *why)
{
	char name[64];

	object->file = copy(path, why);
	if (object->file < 0)
		return -1;
	if (check_whole(object->file, path, why) != 0) {
		close(object->file);
		return -1;
	}
	snprintf(name, sizeof(name), "/proc/self/fd/%d", object->file);
	object->handle = dlopen(name, RTLD_NOW | RTLD_LOCAL);
	if (!object->handle) {
		const char *reason = dlerror();

		if (strncmp(reason, name, strlen(name)) == 0)
			reason += strlen(name);
		fail(why, FAIL_INVALID, "object %s: cannot be loaded%s%s", path,
		     *reason == ':' ? "" : ": ", reason);
		close(object->file);
		return -1;
	}
	object->program = dlsym(object->handle, "p4k_program");
	if (!object->program)
		fail(why, FAIL_INVALID, "object %s: want symbol p4k_program; found none", path);
	if (!object->program || check(object->program, path, why) != 0 ||
	    check_headers(object->handle, path, why) != 0) {
		object_unload(object);
		return -1;
	}
	return 0;
}

void object_unload(struct object *object)
{
	dlclose(object->handle);
	close(object->file);
}

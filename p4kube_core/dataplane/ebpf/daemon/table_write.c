/* SPDX-License-Identifier: Apache-2.0 */
/* Records into the table, then what changed into the kernel. */
#include <errno.h>
#include <stdlib.h>

#include "device.h"
#include "table_request.h"

static struct mirror *mirror_of(const struct target *target)
{
	return target->device->mirrors[target->spec - target->device->program->tables];
}

/* Entries leave the kernel before the list of masks promises less. */
static void delete_all(const struct target *target, const uint8_t *records, uint64_t count,
		       failed_callback failed, void *owner)
{
	struct mirror *mirror = mirror_of(target);

	for (uint64_t i = 0; i < count; i++) {
		const uint8_t *record = records + i * target->record_bytes;
		int ret = mirror->maps.entries < 0 ? -EINVAL :
						     table_record_write(target, TABLE_DELETE, record);

		if (ret == 0) {
			mirror_count(mirror, record, false);
			ret = mirror_delete(mirror, target->table, record);
		}
		if (ret != 0)
			failed(owner, i, ret);
	}
	/* If this fails packets look at a mask in vain; the next change tries again. */
	mirror_masks(mirror, target->table);
	if (mirror_invalidate(mirror) != 0)
		say("table '%s': packets may go on finding what was deleted: %s", target->spec->name,
		    strerror(errno));
	mirror_clear_released(mirror);
}

/* The list of masks promises more before entries come. */
static void put_all(const struct target *target, enum table_mode mode, const uint8_t *bytes,
		    uint64_t count, failed_callback failed, void *owner)
{
	struct mirror *mirror = mirror_of(target);
	uint64_t *positions = calloc(count + 1, sizeof(*positions));
	struct records records = {.bytes = bytes, .positions = positions};
	int ret;

	for (uint64_t i = 0; i < count; i++) {
		const uint8_t *record = bytes + i * target->record_bytes;
		uint32_t before = p4k_table_count(target->table);

		if (!positions || mirror->maps.entries < 0)
			ret = positions ? -EINVAL : -ENOMEM;
		else if (mirror_lacks_room(mirror, target->table, record))
			ret = -E2BIG;
		else
			ret = table_record_write(target, mode, record);
		if (p4k_table_count(target->table) > before)
			mirror_count(mirror, record, true);
		if (ret == 0)
			positions[records.n++] = i;
		else
			failed(owner, i, ret);
	}
	ret = mirror_masks(mirror, target->table);
	if (ret == 0 && records.n > 0)
		ret = mirror_put(mirror, target->table, &records, failed, owner);
	for (uint64_t i = 0; ret != 0 && i < records.n; i++) {
		mirror_undo(mirror, target->table, bytes + positions[i] * target->record_bytes);
		failed(owner, positions[i], ret);
	}
	free(positions);
}

void table_write(const struct target *target, enum table_mode mode, const uint8_t *records,
		 uint64_t count, failed_callback failed, void *owner)
{
	if (mode == TABLE_DELETE)
		delete_all(target, records, count, failed, owner);
	else
		put_all(target, mode, records, count, failed, owner);
}

int table_set_default(const struct target *target, uint16_t action, const uint8_t *data)
{
	int ret = p4k_table_set_default(target->table, action, data);

	return ret == 0 ? mirror_default(mirror_of(target), target->table) : ret;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "pins.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/magic.h>

#include "settings.h"

static bool made_bpffs, mounted; /* by this process or one before it; undone at the end */
static int held = -1; /* the directory of files, locked: two processes would undo each other's work */

static void path_of(char path[PATH_MAX], const char *suffix, const char *format, va_list arguments)
{
	int n = snprintf(path, PATH_MAX, "%s%s/", settings.bpffs, suffix);

	vsnprintf(path + n, PATH_MAX - (size_t)n, format, arguments);
}

void pin_path(char path[PATH_MAX], const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	path_of(path, "", format, arguments);
	va_end(arguments);
}

void kept_path(char path[PATH_MAX], const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	path_of(path, ".kept", format, arguments);
	va_end(arguments);
}

void files_of(const char *path, void (*call)(void *owner, const char *name), void *owner)
{
	DIR *directory = opendir(path);
	struct dirent *entry;

	while (directory && (entry = readdir(directory)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			call(owner, entry->d_name);
	if (directory)
		closedir(directory);
}

static void remove_one(void *owner, const char *name)
{
	const char *directory = owner;
	char path[PATH_MAX + NAME_MAX + 2];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	unlink(path);
}

/* Remove the files of a directory, and it. */
static void empty(char *path)
{
	files_of(path, remove_one, path);
	rmdir(path);
}

void pins_remove(const char *directory)
{
	char path[PATH_MAX];

	pin_path(path, "%s", directory);
	empty(path);
}

uint8_t *file_read(const char *path, size_t most, size_t *length, struct failure *why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat status;
	uint8_t *bytes;
	ssize_t got;

	if (fd < 0) {
		fail(why, errno == ENOENT ? FAIL_NOT_FOUND : FAIL_IO, "%s: %s", path, strerror(errno));
		return NULL;
	}
	if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size == 0 ||
	    (size_t)status.st_size > most) {
		fail(why, FAIL_INVALID, "%s: want a file of 1 to %zu bytes", path, most);
		close(fd);
		return NULL;
	}
	bytes = malloc((size_t)status.st_size + 1);
	got = bytes ? read(fd, bytes, (size_t)status.st_size) : -1;
	close(fd);
	if (got != status.st_size) {
		fail(why, FAIL_IO, "%s: cannot be read", path);
		free(bytes);
		return NULL;
	}
	*length = (size_t)got;
	return bytes;
}

int file_write(const char *path, const void *bytes, size_t length, struct failure *why)
{
	char fresh[PATH_MAX];
	ssize_t put;
	int fd, error;

	snprintf(fresh, sizeof(fresh), "%.*s.new", PATH_MAX - 5, path);
	fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	put = fd >= 0 ? write(fd, bytes, length) : -1;
	error = put < 0 ? errno : ENOSPC; /* where not all is written */
	if (fd >= 0)
		close(fd);
	if (put == (ssize_t)length) {
		if (rename(fresh, path) == 0)
			return 0;
		error = errno;
	}
	fail(why, FAIL_IO, "%s: %s", path, strerror(error));
	unlink(fresh);
	return -1;
}

static bool is_bpffs(const char *path)
{
	struct statfs status;

	return statfs(path, &status) == 0 && (uint32_t)status.f_type == BPF_FS_MAGIC;
}

/* The file that says what to undo in the end, should this process not come to it. */
static void note(const char *name)
{
	char path[PATH_MAX];
	int fd;

	kept_path(path, "%s", name);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd >= 0)
		close(fd);
}

static bool noted(const char *name)
{
	char path[PATH_MAX];

	kept_path(path, "%s", name);
	return access(path, F_OK) == 0;
}

static void path_of_kept(char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, "%s.kept", settings.bpffs);
}

bool pins_are_found(void)
{
	struct stat ours, there;
	char kept[PATH_MAX];

	path_of_kept(kept);
	return fstat(held, &ours) == 0 && stat(kept, &there) == 0 && ours.st_ino == there.st_ino &&
	       ours.st_dev == there.st_dev;
}

static int hold(const char *kept)
{
	if (mkdir(kept, 0700) == 0 || errno == EEXIST)
		held = open(kept, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (held >= 0 && flock(held, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (held >= 0 && errno == EWOULDBLOCK)
		say("--bpffs %s: another process uses it", settings.bpffs);
	else
		say("cannot use directory %s: %s", kept, strerror(errno));
	return -1;
}

/* What file_write() had not renamed when the process was killed would be taken for one more of its kind. */
static void remove_unfinished(void *owner, const char *name)
{
	size_t length = strlen(name);

	if (length > 4 && strcmp(name + length - 4, ".new") == 0)
		remove_one(owner, name);
}

static int start(void)
{
	char kept[PATH_MAX];

	path_of_kept(kept);
	if (hold(kept) != 0)
		return -1;
	files_of(kept, remove_unfinished, kept);
	if (mkdir(settings.bpffs, 0700) == 0)
		note("made");
	if (!is_bpffs(settings.bpffs)) {
		if (mount("bpf", settings.bpffs, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700") != 0) {
			say("--bpffs %s: cannot mount a bpffs there: %s", settings.bpffs, strerror(errno));
			return -1;
		}
		note("mounted");
	}
	made_bpffs = noted("made");
	mounted = noted("mounted");
	return 0;
}

/* Devices and ports have gone, and their pins with them. */
static void stop(void)
{
	char kept[PATH_MAX];

	if (mounted)
		umount2(settings.bpffs, MNT_DETACH);
	if (made_bpffs)
		rmdir(settings.bpffs);
	path_of_kept(kept);
	if (pins_are_found())
		empty(kept);
	close(held);
}

const struct module pins_module = {.name = "pins", .start = start, .stop = stop};

/*
 * Records what a process does to the files of one folder: opens, writes, truncations, renames, deletions and syncs.
 *
 * The library is preloaded (LD_PRELOAD). RECORDED_FOLDER names the folder, RECORDED_TO the file of the recording, to which each
 * call is appended as one record, in the order in which the calls took effect. RECORDED_SYNC_US delays each sync, so that
 * writes happen beside it. Memory that is mapped and written without a call is marked, except for the -shm file, which
 * SQLite builds anew after a loss of power.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { OPENED = 1, WRITTEN, TRUNCATED, RENAMED, DELETED, SYNC_BEGUN, SYNC_ENDED, UNSEEN };

struct record {
  uint32_t kind;
  uint32_t length;
  uint64_t at;
  uint64_t file;
  uint64_t offset;
};

#define MAX_FILES 65536
static uint64_t files[MAX_FILES]; /* inode by descriptor; 0 for a file of another folder */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char folder[4096];
static size_t folder_length;
static int out = -1;
static long sync_us;

#define REAL(name, result, ...) \
  static result (*real_##name)(__VA_ARGS__)
REAL(open, int, const char *, int, ...);
REAL(openat, int, int, const char *, int, ...);
REAL(close, int, int);
REAL(write, ssize_t, int, const void *, size_t);
REAL(writev, ssize_t, int, const struct iovec *, int);
REAL(pwrite, ssize_t, int, const void *, size_t, off_t);
REAL(pwritev, ssize_t, int, const struct iovec *, int, off_t);
REAL(ftruncate, int, int, off_t);
REAL(fallocate, int, int, int, off_t, off_t);
REAL(posix_fallocate, int, int, off_t, off_t);
REAL(rename, int, const char *, const char *);
REAL(unlink, int, const char *);
REAL(fsync, int, int);
REAL(fdatasync, int, int);
REAL(mmap, void *, void *, size_t, int, int, int, off_t);

__attribute__((constructor)) static void begin(void) {
#define FIND(name) real_##name = dlsym(RTLD_NEXT, #name)
  FIND(open); FIND(openat); FIND(close); FIND(write); FIND(writev); FIND(pwrite); FIND(pwritev); FIND(ftruncate);
  FIND(fallocate); FIND(posix_fallocate); FIND(rename); FIND(unlink); FIND(fsync); FIND(fdatasync); FIND(mmap);
  const char *path = getenv("RECORDED_FOLDER"), *to = getenv("RECORDED_TO"), *us = getenv("RECORDED_SYNC_US");
  if (path == NULL || to == NULL) return;
  folder_length = (size_t)snprintf(folder, sizeof folder, "%s", path);
  sync_us = us == NULL ? 0 : atol(us);
  out = real_open(to, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

/* Returns true for a path of the folder, or of the folder itself. */
static int is_ours(const char *path) {
  if (out < 0 || strncmp(path, folder, folder_length) != 0) return 0;
  return path[folder_length] == '/' || path[folder_length] == 0;
}

static uint64_t file_of(int fd) { return fd < 0 || fd >= MAX_FILES ? 0 : files[fd]; }

/* Appends one record. The caller holds the lock, so that records are in the order of the calls. */
static void record(uint32_t kind, uint64_t file, uint64_t offset, const void *data, size_t length) {
  int before = errno;
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  struct record head = {kind, (uint32_t)length, (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec, file, offset};
  struct iovec parts[2] = {{&head, sizeof head}, {(void *)data, length}};
  if (real_writev(out, parts, 2) != (ssize_t)(sizeof head + length)) abort();
  errno = before;
}

static int opened(int fd, const char *path) {
  struct stat found;
  if (fd < 0 || fd >= MAX_FILES || !is_ours(path) || fstat(fd, &found) != 0) return fd;
  pthread_mutex_lock(&lock);
  files[fd] = found.st_ino;
  record(OPENED, found.st_ino, 0, path + folder_length, strlen(path + folder_length));
  pthread_mutex_unlock(&lock);
  return fd;
}

static mode_t mode_of(int flags, va_list rest) { return (flags & (O_CREAT | O_TMPFILE)) ? va_arg(rest, mode_t) : 0; }

#define OPEN(name) \
  int name(const char *path, int flags, ...) { \
    va_list rest; va_start(rest, flags); mode_t mode = mode_of(flags, rest); va_end(rest); \
    int fd = real_open(path, flags, mode); \
    if (fd >= 0 && (flags & O_TRUNC) && is_ours(path)) { \
      opened(fd, path); \
      pthread_mutex_lock(&lock); record(TRUNCATED, file_of(fd), 0, NULL, 0); pthread_mutex_unlock(&lock); \
      return fd; \
    } \
    return opened(fd, path); \
  }
OPEN(open)
OPEN(open64)

#define OPENAT(name) \
  int name(int at, const char *path, int flags, ...) { \
    va_list rest; va_start(rest, flags); mode_t mode = mode_of(flags, rest); va_end(rest); \
    return opened(real_openat(at, path, flags, mode), path); \
  }
OPENAT(openat)
OPENAT(openat64)

int close(int fd) {
  if (fd >= 0 && fd < MAX_FILES) files[fd] = 0;
  return real_close(fd);
}

#define WRITES(call, offset_of_it, buffer) \
  uint64_t file = file_of(fd); \
  if (file == 0) return call; \
  pthread_mutex_lock(&lock); \
  off_t offset = offset_of_it; \
  ssize_t written = call; \
  if (written > 0) record(WRITTEN, file, (uint64_t)offset, buffer, (size_t)written); \
  pthread_mutex_unlock(&lock); \
  return written

/* Place at which a write without an offset goes. */
static off_t place_of(int fd) {
  if (fcntl(fd, F_GETFL) & O_APPEND) return lseek(fd, 0, SEEK_END);
  return lseek(fd, 0, SEEK_CUR);
}

ssize_t write(int fd, const void *data, size_t length) { WRITES(real_write(fd, data, length), place_of(fd), data); }
ssize_t pwrite(int fd, const void *data, size_t length, off_t at) { WRITES(real_pwrite(fd, data, length, at), at, data); }
ssize_t pwrite64(int fd, const void *data, size_t length, off_t at) { WRITES(real_pwrite(fd, data, length, at), at, data); }

/* Copies what several buffers hold, so that one write is one record. */
static char *joined(const struct iovec *parts, int count) {
  size_t total = 0;
  for (int i = 0; i < count; i++) total += parts[i].iov_len;
  char *all = malloc(total + 1), *end = all;
  for (int i = 0; i < count; i++) end = mempcpy(end, parts[i].iov_base, parts[i].iov_len);
  return all;
}

#define WRITES_PARTS(call, offset_of_it) \
  uint64_t file = file_of(fd); \
  if (file == 0) return call; \
  char *data = joined(parts, count); \
  pthread_mutex_lock(&lock); \
  off_t offset = offset_of_it; \
  ssize_t written = call; \
  if (written > 0) record(WRITTEN, file, (uint64_t)offset, data, (size_t)written); \
  pthread_mutex_unlock(&lock); \
  free(data); \
  return written

ssize_t writev(int fd, const struct iovec *parts, int count) { WRITES_PARTS(real_writev(fd, parts, count), place_of(fd)); }
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at) {
  WRITES_PARTS(real_pwritev(fd, parts, count, at), at);
}
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off_t at) {
  WRITES_PARTS(real_pwritev(fd, parts, count, at), at);
}

static int truncated(int fd, off_t size) {
  uint64_t file = file_of(fd);
  if (file == 0) return real_ftruncate(fd, size);
  pthread_mutex_lock(&lock);
  int result = real_ftruncate(fd, size);
  if (result == 0) record(TRUNCATED, file, (uint64_t)size, NULL, 0);
  pthread_mutex_unlock(&lock);
  return result;
}
int ftruncate(int fd, off_t size) { return truncated(fd, size); }
int ftruncate64(int fd, off_t size) { return truncated(fd, size); }

/* Notes a call that this recorder does not understand; the run ends then. */
static void unseen(int fd, const char *call) {
  if (file_of(fd) == 0) return;
  pthread_mutex_lock(&lock);
  record(UNSEEN, file_of(fd), 0, call, strlen(call));
  pthread_mutex_unlock(&lock);
}
int fallocate(int fd, int mode, off_t from, off_t length) {
  unseen(fd, "fallocate");
  return real_fallocate(fd, mode, from, length);
}
int fallocate64(int fd, int mode, off_t from, off_t length) { return fallocate(fd, mode, from, length); }
int posix_fallocate(int fd, off_t from, off_t length) {
  unseen(fd, "posix_fallocate");
  return real_posix_fallocate(fd, from, length);
}
int posix_fallocate64(int fd, off_t from, off_t length) { return posix_fallocate(fd, from, length); }

static void *mapped(void *at, size_t length, int protection, int flags, int fd, off_t offset) {
  if ((protection & PROT_WRITE) && (flags & MAP_SHARED)) unseen(fd, "mmap");
  return real_mmap(at, length, protection, flags, fd, offset);
}
void *mmap(void *at, size_t length, int protection, int flags, int fd, off_t offset) {
  if (real_mmap == NULL) real_mmap = dlsym(RTLD_NEXT, "mmap");
  return mapped(at, length, protection, flags, fd, offset);
}
void *mmap64(void *at, size_t length, int protection, int flags, int fd, off_t offset) {
  return mmap(at, length, protection, flags, fd, offset);
}

int rename(const char *from, const char *to) {
  if (!is_ours(from) && !is_ours(to)) return real_rename(from, to);
  char names[8192];
  pthread_mutex_lock(&lock);
  int result = real_rename(from, to);
  if (result == 0) {
    int length = snprintf(names, sizeof names, "%s\n%s", from + folder_length, to + folder_length);
    record(RENAMED, 0, 0, names, (size_t)length);
  }
  pthread_mutex_unlock(&lock);
  return result;
}

int unlink(const char *path) {
  if (!is_ours(path)) return real_unlink(path);
  pthread_mutex_lock(&lock);
  int result = real_unlink(path);
  if (result == 0) record(DELETED, 0, 0, path + folder_length, strlen(path + folder_length));
  pthread_mutex_unlock(&lock);
  return result;
}

static int synced(int fd, int (*sync)(int)) {
  uint64_t file = file_of(fd);
  if (file == 0) return sync(fd);
  static uint64_t count;
  pthread_mutex_lock(&lock);
  uint64_t number = ((uint64_t)getpid() << 32) | ++count;
  record(SYNC_BEGUN, file, number, NULL, 0);
  pthread_mutex_unlock(&lock);
  if (sync_us > 0) usleep((useconds_t)sync_us);
  int result = sync(fd);
  pthread_mutex_lock(&lock);
  if (result == 0) record(SYNC_ENDED, file, number, NULL, 0);
  pthread_mutex_unlock(&lock);
  return result;
}
int fsync(int fd) { return synced(fd, real_fsync); }
int fdatasync(int fd) { return synced(fd, real_fdatasync); }

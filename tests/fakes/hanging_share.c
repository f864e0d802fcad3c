/* A network share that hangs: while $SHARE_HANGS is a file, whoever asks for what lies below $SHARE
   waits. To be preloaded (ld.so(8), LD_PRELOAD). */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static void wait_for(const char *path) {
    const char *share = getenv("SHARE"), *hangs = getenv("SHARE_HANGS");
    if (path == NULL || share == NULL || hangs == NULL || strncmp(path, share, strlen(share)) != 0)
        return;
    while (syscall(SYS_faccessat, AT_FDCWD, hangs, F_OK) == 0)
        usleep(20000);
}

static void wait_for_fd(int fd) {
    char name[64], path[4096];
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    ssize_t length = syscall(SYS_readlinkat, AT_FDCWD, name, path, sizeof path - 1);
    if (length > 0) {
        path[length] = 0;
        wait_for(path);
    }
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define MODE(last)                                                                             \
    va_list more;                                                                              \
    va_start(more, last);                                                                      \
    mode_t mode = va_arg(more, mode_t);                                                        \
    va_end(more);

#define OPEN(name)                                                                             \
    int name(const char *path, int flags, ...) {                                               \
        MODE(flags)                                                                            \
        wait_for(path);                                                                        \
        return REAL(name)(path, flags, mode);                                                  \
    }
#define OPENAT(name)                                                                           \
    int name(int folder, const char *path, int flags, ...) {                                   \
        MODE(flags)                                                                            \
        wait_for(path);                                                                        \
        return REAL(name)(folder, path, flags, mode);                                          \
    }
#define LOOK(name, facts)                                                                      \
    int name(const char *path, struct facts *found) {                                          \
        wait_for(path);                                                                        \
        return REAL(name)(path, found);                                                        \
    }
#define LOOKAT(name, facts)                                                                    \
    int name(int folder, const char *path, struct facts *found, int flags) {                   \
        wait_for(path);                                                                        \
        return REAL(name)(folder, path, found, flags);                                         \
    }

OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)
LOOK(stat, stat)
LOOK(stat64, stat64)
LOOK(lstat, stat)
LOOK(lstat64, stat64)
LOOKAT(fstatat, stat)
LOOKAT(fstatat64, stat64)

ssize_t readlink(const char *restrict path, char *restrict to, size_t size) {
    wait_for(path);
    return REAL(readlink)(path, to, size);
}

ssize_t read(int fd, void *to, size_t size) {
    wait_for_fd(fd);
    return REAL(read)(fd, to, size);
}

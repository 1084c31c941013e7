/* SPDX-License-Identifier: MIT */
/*
 * umount.c - `larder umount MOUNTPOINT`: unmounts, and waits until the daemon has closed the store, so that whoever
 * comes next can open it.
 *
 * The daemon's pid stands in .larder/config, which can only be read while the mount is there. So it is read, and
 * the process taken hold of by a pidfd, before anything is unmounted.
 */
#include "command.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/types.h>
#include <unistd.h>

/* How long a daemon may take to flush and close its store. */
enum { DAEMON_END_S = 60 };

/* --- the daemon ---------------------------------------------------------------------------------------- */

/* Whom to wait for by the mount's .larder/config: the daemon, or the supervisor that ends after it. -1 if that cannot be
 * read. */
static pid_t daemon_pid(const struct mountpoint *mountpoint)
{
    char *path, line[4096];
    long pid = -1;

    if (asprintf(&path, "%s/.larder/config", mountpoint->root) < 0)
        return -1;
    FILE *config = fopen(path, "re");
    while (config && fgets(line, sizeof line, config))
        if (sscanf(line, "supervisor=%ld", &pid) == 1)
            break;
        else if (pid < 0)
            sscanf(line, "pid=%ld", &pid);
    if (config)
        fclose(config);
    free(path);
    return (pid_t)pid;
}

/* --- who has something open ---------------------------------------------------------------------------- */

struct users {
    unsigned files; /* open, and working directories */
    char names[256]; /* the first few: "vim 12, bash 34" */
};

/* The symbolic link /proc/PID/WHAT leads into the mount. */
static bool leads_into(const char *link, const char *root)
{
    char target[4096];
    size_t length = strlen(root);

    ssize_t got = readlink(link, target, sizeof target - 1);
    if (got < (ssize_t)length)
        return false;
    target[got] = '\0';
    return strncmp(target, root, length) == 0 && (target[length] == '\0' || target[length] == '/');
}

static unsigned process_files(const char *pid, const char *root)
{
    char path[300];
    const struct dirent *item;
    unsigned files = 0;

    snprintf(path, sizeof path, "/proc/%.20s/cwd", pid);
    files += leads_into(path, root);
    snprintf(path, sizeof path, "/proc/%.20s/fd", pid);
    DIR *directory = opendir(path);
    while (directory && (item = readdir(directory))) {
        snprintf(path, sizeof path, "/proc/%.20s/fd/%.20s", pid, item->d_name);
        files += leads_into(path, root);
    }
    if (directory)
        closedir(directory);
    return files;
}

static void users_add(struct users *users, const char *pid, unsigned files)
{
    char path[64], name[32] = "?";
    size_t used = strlen(users->names);

    snprintf(path, sizeof path, "/proc/%.20s/comm", pid);
    FILE *comm = fopen(path, "re");
    if (comm && fgets(name, sizeof name, comm))
        name[strcspn(name, "\n")] = '\0';
    if (comm)
        fclose(comm);
    users->files += files;
    if (used < sizeof users->names - 64)
        snprintf(users->names + used, sizeof users->names - used, "%s%s %.20s", used ? ", " : "", name, pid);
    else if (users->names[used - 1] != '.')
        strcat(users->names, ", ...");
}

/* As far as this user may look into processes; without this one, which may have inherited something open. */
static struct users users_find(const char *root)
{
    struct users users = {0};
    const struct dirent *item;
    unsigned files;

    DIR *processes = opendir("/proc");
    while (processes && (item = readdir(processes))) {
        long pid = strtol(item->d_name, NULL, 10);
        if (pid > 0 && pid != getpid() && (files = process_files(item->d_name, root)) > 0)
            users_add(&users, item->d_name, files);
    }
    if (processes)
        closedir(processes);
    return users;
}

/* --- the verb ------------------------------------------------------------------------------------------ */

static int fail_busy(const char *place, const struct mountpoint *mountpoint)
{
    struct users users = users_find(mountpoint->root);

    if (users.files == 0)
        return command_fail(COMMAND_FAILED, "%s: busy: somebody has something open in it; close it, or use --lazy",
                            place);
    return command_fail(COMMAND_FAILED, "%s: busy: %u open file%s (%s); close %s, or use --lazy", place, users.files,
                        users.files == 1 ? "" : "s", users.names, users.files == 1 ? "it" : "them");
}

static int unmount(const char *place, const struct mountpoint *mountpoint, bool lazily)
{
    char reason[256];
    int result = mountpoint_unmount(mountpoint, lazily, reason, sizeof reason);

    if (result == -EBUSY)
        return fail_busy(place, mountpoint);
    if (result < 0)
        return command_fail(COMMAND_FAILED, "%s: cannot be unmounted: %s", place, reason);
    return COMMAND_DONE;
}

/* Unmounts, and waits for the daemon, unless it has reason to stay: files that are open after a lazy unmount, or
 * another mount of the same larder (mount --bind). */
static int unmount_and_wait(const char *place, const struct mountpoint *mountpoint, bool lazily)
{
    bool ends = !lazily && !mountpoint->elsewhere && !mountpoint_is_dead(mountpoint);
    pid_t pid = ends ? daemon_pid(mountpoint) : -1;
    struct pollfd daemon = {.fd = pid > 0 ? pidfd_open(pid, 0) : -1, .events = POLLIN};

    int code = unmount(place, mountpoint, lazily);
    if (code == COMMAND_DONE && daemon.fd >= 0) {
        int ready;
        while ((ready = poll(&daemon, 1, DAEMON_END_S * 1000)) < 0 && errno == EINTR)
            ;
        if (ready == 0)
            code = command_fail(COMMAND_FAILED, "%s: unmounted, but its daemon (pid %ld) has not ended after %d s",
                                place, (long)pid, DAEMON_END_S);
    } else if (code == COMMAND_DONE && ends) {
        /* root may not look into a user's mount without allow_other */
        command_fail(code, "%s: unmounted, but its daemon could not be waited for: .larder/config told no pid", place);
    }
    if (daemon.fd >= 0)
        close(daemon.fd);
    return code;
}

static int run(int argc, char **argv)
{
    struct mountpoint mountpoint;
    const char *place;
    bool lazily;

    int code = command_arguments(&command_umount, argc, argv, "--lazy", 'l', &lazily, &place);
    if (code == COMMAND_DONE)
        code = command_find_larder(place, &mountpoint);
    if (code != COMMAND_DONE)
        return code;
    if (mountpoint_is_root(&mountpoint))
        code = unmount_and_wait(place, &mountpoint, lazily);
    else
        code = command_fail(COMMAND_FAILED, "%s: lies within a larder, which is mounted on %s", place, mountpoint.root);
    mountpoint_release(&mountpoint);
    return code;
}

const struct command command_umount = {
    .name = "umount",
    .arguments = "MOUNTPOINT [-l|--lazy]",
    .summary = "unmount, and wait until the store is closed",
    .details = "  -l, --lazy   take the mount away at once, even if files are open in it; the daemon ends with the\n"
               "               last of them, and is not waited for\n",
    .run = run,
};

# SPDX-License-Identifier: MIT
"""What the benchmark needs of the machine, and giving it back: places to put files, cold caches, a switch in the kernel.

Machine is a context: what it mounted is unmounted when it ends, in whatever way it ends. Below its scratch directory, which
belongs to the caller, are

    disk/    where everything lies that is on a disk: an ext4 file system where there can be one
    mnt/     mount points        out/    samples of the run in hand        log/  what daemons say
"""
import contextlib
import os
import shutil
import signal
import subprocess

ENABLE_URING = "/sys/module/fuse/parameters/enable_uring"
DROP_CACHES = "/proc/sys/vm/drop_caches"


class Trouble(Exception):
    """Something that is said in one sentence and ends the benchmark."""


def run(*command):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        raise Trouble(f"{' '.join(command)}: {done.stdout.strip() or done.returncode}")
    return done.stdout


def stop_process(process, patience=10):
    """Ends a child and what it started; each was started in a session of its own."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, sign)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(patience)


def file_system(path):
    return run("findmnt", "--noheadings", "--output", "FSTYPE", "--target", path).split("\n")[-2].strip()


def memory_available():
    with open("/proc/meminfo") as lines:
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))


class Machine:
    """`shared`: others are at work on this machine, so that nothing may be done that they would notice: a mere trial."""

    def __init__(self, scratch, image_bytes, shared=False):
        self.scratch, self.image_bytes, self.shared = scratch, image_bytes, shared
        self.is_root = os.geteuid() == 0
        self.notes = []  # what the reader of the figures should know
        self.undo = contextlib.ExitStack()
        self.turns = 0

    def __enter__(self):
        with contextlib.ExitStack() as undo:
            self.disk, self.mnt, self.out, self.log = (self.path(name) for name in ("disk", "mnt", "out", "log"))
            for place in (self.disk, self.mnt, self.out, self.log):
                os.makedirs(place, exist_ok=True)
            self.undo = undo
            self.has_ext4 = self.find_ext4()
            self.can_drop = self.is_root and os.access(DROP_CACHES, os.W_OK) and not self.shared
            if not self.can_drop and not self.shared:
                self.notes.append("The kernel's caches cannot be dropped without root: nothing cold is measured.")
            self.undo = undo.pop_all()
        return self

    def __exit__(self, *_):
        self.undo.close()

    def path(self, *names):
        return os.path.join(self.scratch, *names)

    def fresh_out(self):
        """An empty directory for the samples of one run."""
        shutil.rmtree(self.out)
        os.mkdir(self.out)
        return self.out

    # --- disks ----------------------------------------------------------------------------------------------------

    def find_ext4(self):
        kind = file_system(self.disk)
        if kind == "ext4":
            self.disk_text = "an ext4 file system that was there"
            return True
        try:
            self.make_ext4()
            self.disk_text = f"an ext4 file system in a file on {kind}, loop-mounted"
            return True
        except (Trouble, OSError) as error:
            self.disk_text = kind
            self.notes.append(f"ext4 is not measured: the disk here is {kind}, and an image cannot be mounted ({error}).")
            return False

    def make_ext4(self):
        if not self.is_root or self.shared:
            raise Trouble("not root" if not self.is_root else "a mere trial")
        image = self.path("ext4.img")
        with open(image, "wb") as file:
            file.truncate(self.image_bytes)
        run("mkfs.ext4", "-q", "-F", image)
        run("mount", "-o", "loop", image, self.disk)
        self.undo.callback(self.unmount, self.disk)

    def mount_tmpfs(self, place):
        # As large as may be, in bytes and in files: it only takes what is put into it.
        run("mount", "-t", "tmpfs", "-o", "size=90%,nr_inodes=0,mode=0700", "larder-bench", place)

    def unmount(self, place):
        if subprocess.run(["umount", place], stderr=subprocess.DEVNULL).returncode != 0:
            run("umount", "--lazy", place)

    def new_place(self, parent):
        self.turns += 1
        place = os.path.join(parent, str(self.turns))
        os.mkdir(place)
        return place

    def remove(self, place):
        run("rm", "-rf", "--one-file-system", place)

    # --- the kernel -----------------------------------------------------------------------------------------------

    def settle(self):
        """What one system left to be written is not the next one's burden."""
        if not self.shared:
            os.sync()

    def switch_uring_on(self):
        """Whether the kernel does FUSE over io_uring now; scripts/bench puts the switch back to what it was."""
        try:
            with open(ENABLE_URING) as switch:
                if switch.read().strip() == "Y":
                    return True
            if self.shared:
                return False
            with open(ENABLE_URING, "w") as switch:
                switch.write("Y")
            return True
        except OSError as error:
            self.notes.append(f"FUSE over io_uring cannot be switched on here ({error.strerror}).")
            return False

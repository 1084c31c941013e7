# SPDX-License-Identifier: MIT
"""The systems that are compared: how each is started on an empty place, what talks to it, and what it promises.

A system is started for one turn and stopped after it, so that no two ever run at the same time and none works on what an
earlier turn has left. `with system.turn() as target` gives what the workload programs are told to work on.
"""
import contextlib
import os
import socket
import subprocess
import time

from machine import Trouble, stop_process

STARTS_WITHIN_S = 20


class System:
    client = "directory"  # of workload_a.py

    def __init__(self, machine, key, name, durability):
        self.machine, self.key, self.name, self.durability = machine, key, name, durability

    @contextlib.contextmanager
    def turn(self):
        with contextlib.ExitStack() as undo:
            target = self.start(undo)
            self.machine.settle()
            yield target

    def stats(self, target):
        """The file in which it counts requests, if it does."""
        return None

    def disk_place(self, undo):
        place = self.machine.new_place(self.machine.disk)
        undo.callback(self.machine.remove, place)
        return place

    def mount_place(self, undo):
        place = self.machine.new_place(self.machine.mnt)
        undo.callback(os.rmdir, place)
        return place

    def daemon(self, undo, command):
        """Starts it in a session of its own: Ctrl-C reaches the driver, which stops it in due order."""
        with open(os.path.join(self.machine.log, f"{self.key}.log"), "ab") as log:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        undo.callback(stop_process, process)
        return process

    def wait_for(self, process, answers):
        end = time.monotonic() + STARTS_WITHIN_S
        while not answers():
            if process.poll() is not None or time.monotonic() > end:
                raise Trouble(f"{self.name} does not start: {self.last_words()}")
            time.sleep(0.01)

    def last_words(self):
        with open(os.path.join(self.machine.log, f"{self.key}.log"), errors="replace") as log:
            return log.read()[-500:].strip()


class Larder(System):
    """`store` is None for a new directory on the disk; `transport` None to leave the choice to the program; `spin_us` None
    for its default."""

    def __init__(self, machine, key, name, durability, program, store, transport, size, spin_us=None):
        super().__init__(machine, key, name, durability)
        self.program, self.store, self.transport, self.size = program, store, transport, size
        self.spin_us = spin_us

    def start(self, undo):
        store = self.store or os.path.join(self.disk_place(undo), "store")
        place = self.mount_place(undo)
        options = f"size={self.size}" + (f",transport={self.transport}" if self.transport else "")
        options += f",spin={self.spin_us}" if self.spin_us is not None else ""
        process = self.daemon(undo, [self.program, "mount", store, place, "-f", "-o", options])
        undo.callback(self.unmount, place, process)
        self.wait_for(process, lambda: self.config(place).get("pid") == str(process.pid))
        actual = self.config(place).get("transport", "auto").split()[0]
        if self.transport and actual not in ("auto", self.transport):
            raise Trouble(f"{self.name}: asked for {self.transport}, but it runs over {actual}")
        return place

    def stats(self, target):
        return os.path.join(target, ".larder", "stats.json")

    def config(self, place):
        try:
            with open(os.path.join(place, ".larder", "config")) as lines:
                return dict(line.rstrip("\n").split("=", 1) for line in lines if "=" in line)
        except OSError:
            return {}

    def pid(self, place):
        return int(self.config(place)["pid"])

    def unmount(self, place, process):
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "stdin": subprocess.DEVNULL}
        with contextlib.suppress(subprocess.TimeoutExpired):
            if subprocess.run([self.program, "umount", place], timeout=60, **quiet).returncode == 0:
                process.wait(60)
        if os.path.ismount(place) or process.poll() is None:
            subprocess.run(["fusermount3", "-uz", place], **quiet)
            stop_process(process)


class Bare(System):
    """None at all: the machine itself."""

    def __init__(self, machine):
        super().__init__(machine, "machine", "the machine itself", None)

    def start(self, _undo):
        return None


class Tmpfs(System):
    def start(self, undo):
        if not self.machine.is_root:
            place = self.machine.new_place("/dev/shm")
            undo.callback(self.machine.remove, place)
            return place
        place = self.mount_place(undo)
        self.machine.mount_tmpfs(place)
        undo.callback(self.machine.unmount, place)
        return place


class DiskDirectory(System):
    """A directory on the disk: ext4, or the home of a library."""

    def __init__(self, machine, key, name, durability, client="directory"):
        super().__init__(machine, key, name, durability)
        self.client = client

    def start(self, undo):
        return self.disk_place(undo)


class Redis(System):
    client = "redis"

    def start(self, undo):
        place = self.disk_place(undo)
        path = os.path.join(place, "redis.sock")
        # Without a file of settings, redis has those it comes with: snapshots, no log.
        process = self.daemon(undo, ["redis-server", "--port", "0", "--unixsocket", path, "--dir", place])
        self.wait_for(process, lambda: self.answers(path))
        return path

    def answers(self, path):
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as client:
            client.connect(path)
            client.sendall(b"PING\r\n")
            return client.recv(64).startswith(b"+PONG")
        return False


class Memcached(System):
    client = "memcached"

    def start(self, undo):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        user = ["-u", "nobody"] if self.machine.is_root else []
        mark = ["-P", self.machine.path("memcached.pid")]  # of no use to it here, but it tells by whom it was started
        process = self.daemon(undo, ["memcached", "-l", "127.0.0.1", "-p", str(port), "-U", "0", *mark, *user])
        self.wait_for(process, lambda: self.answers(port))
        return f"127.0.0.1:{port}"

    def answers(self, port):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return True
        return False


# --- which there are --------------------------------------------------------------------------------------------------

TRANSPORTS = {"uring": "io_uring", "dev": "/dev/fuse"}
SQLITE = "kill -9 of any process (SQLite's log, synchronous=NORMAL)"
LOGGED = "kill -9 of the daemon (write-ahead log, not synced)"


class Larders:
    """The variants of larder that the program, the kernel and the caller's choice leave. The first is the main one."""

    def __init__(self, machine, program, wanted):
        self.machine, self.program = machine, program
        help_text = subprocess.run([program, "mount", "--help"], capture_output=True, text=True).stdout
        self.can_choose = "transport=" in help_text
        if not self.can_choose:
            machine.notes.append("This larder has no -o transport: it is measured over /dev/fuse.")
        self.transports = [transport for transport in wanted or TRANSPORTS if self.works(transport, bool(wanted))]

    def works(self, transport, is_wanted):
        """Tries a mount. What was asked for by name has to work; what merely might be there is left out with a note."""
        if not self.can_choose:
            return transport == "dev"
        if transport == "uring" and not self.machine.switch_uring_on():
            return False
        try:
            with self.make(transport, None, "64M").turn():
                return True
        except Trouble as error:
            if is_wanted:
                raise
            self.machine.notes.append(f"Not measured: {error}")
            return False

    def make(self, transport, store, size):
        over = TRANSPORTS[transport]
        key, name, durability = (f"larder-{transport}", f"larder, {over}", LOGGED)
        if store:
            key, name, durability = "larder-mem", f"larder mem:, {over}", "nothing (ends with its mount)"
        return Larder(self.machine, key, name, durability, self.program, store,
                      transport if self.can_choose else None, size)

    def on_disk(self, size):
        return [self.make(transport, None, size) for transport in self.transports]

    def spinning(self, size):
        """Over /dev/fuse, with the spin that is the default and with none."""
        if "dev" not in self.transports or not self.can_choose:
            return []
        return [Larder(self.machine, f"larder-spin-{spin_us}", f"larder, spin={spin_us}", LOGGED, self.program, None, "dev",
                       size, spin_us) for spin_us in (20, 0)]

    def in_memory(self, size):
        return [self.make(transport, "mem:", size) for transport in self.transports[:1]]


def plain(machine):
    systems = [Tmpfs(machine, "tmpfs", "tmpfs", "nothing (ends with its mount)")]
    if machine.has_ext4:
        systems.append(DiskDirectory(machine, "ext4", "ext4", "kill -9 of any process (page cache, written within 30 s)"))
    return systems


def peers(machine):
    return [
        DiskDirectory(machine, "diskcache", "diskcache", SQLITE, "diskcache"),
        DiskDirectory(machine, "fanoutcache", "FanoutCache", SQLITE, "fanoutcache"),
        Redis(machine, "redis", "redis", "a regular end (snapshots after 1 to 60 minutes)"),
        Memcached(machine, "memcached", "memcached", "nothing (ends with its daemon)"),
    ]

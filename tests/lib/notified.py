#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""notified.py SOCKET - listens there as systemd does, and prints each line it is told; ends with its parent.

A SOCKET that begins with '@' is one in the abstract namespace."""
import os
import socket
import sys

name = sys.argv[1]
listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
listener.bind("\0" + name[1:] if name.startswith("@") else name)
listener.settimeout(0.2)
print("listening", flush=True)
parent = os.getppid()
while os.getppid() == parent:
    try:
        print(listener.recv(65536).decode(), flush=True)
    except socket.timeout:
        pass

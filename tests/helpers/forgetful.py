"""A file system in memory that loses what was not synced, as a computer does that loses its power.

It answers the kernel itself (FUSE, protocol 7.31: ``linux/fuse.h``), so it needs no library, only ``/dev/fuse`` and the
right to mount, which a user namespace gives. Locks and caches are the kernel's own.
"""

from __future__ import annotations

import ctypes
import errno
import os
import random
import select
import stat
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection

PAGE = 4096
_HEADER = struct.Struct("<IIQQIIII")
_ATTRIBUTES = struct.Struct("<6Q10I")
_MAX_WRITE = 1 << 17
_DETACH = 2
_ALWAYS = {
    14: bytes(16),  # open
    17: struct.pack("<5Q4I24x", *[1 << 20] * 5, PAGE, 255, PAGE, 0),  # room on the disk
    18: b"",  # release
    25: b"",  # flush
    26: struct.pack("<4I2H2I", 7, 31, 0, 1 << 5, 16, 12, _MAX_WRITE, 1).ljust(64, b"\0"),  # begin; writes may be big
    27: bytes(16),  # open a folder
    29: b"",  # release a folder
    38: b"",  # end
}
"""Answers that do not depend on the request."""


@dataclass
class Node:
    """A file or a folder: what is seen now, and what is on the disk."""

    mode: int
    data: bytearray = field(default_factory=bytearray)
    names: dict[bytes, int] = field(default_factory=dict)
    synced_data: bytes = b""
    synced_names: dict[bytes, int] = field(default_factory=dict)

    def sync(self) -> None:
        self.synced_data, self.synced_names = bytes(self.data), dict(self.names)

    def lose_power(self, kept: float, draw: random.Random) -> None:
        """Keep each page and each name that was not synced with probability ``kept``."""
        data = self.data if draw.random() < kept else bytearray(self.synced_data)
        for start in range(0, len(data), PAGE):
            page = slice(start, min(start + PAGE, len(data)))
            if draw.random() >= kept:
                data[page] = self.synced_data[page].ljust(page.stop - start, b"\0")
        for name in sorted(self.names.keys() | self.synced_names.keys()):
            if draw.random() < kept:
                self.synced_names.pop(name, None)
                self.synced_names.update({name: self.names[name]} if name in self.names else {})
        self.data, self.names = data, dict(self.synced_names)
        self.sync()


class Forgetful:
    """The tree, and the answers to the kernel; ``syncs`` False makes it forget even what was synced."""

    def __init__(self, *, syncs: bool) -> None:
        self._syncs = syncs
        self._nodes = {1: Node(stat.S_IFDIR | 0o700)}

    def lose_power(self, kept: float, draw: random.Random) -> None:
        """Keep each page and each name that was not synced with probability ``kept``."""
        for node in self._nodes.values():
            node.lose_power(kept, draw)

    def answer(self, request: bytes) -> bytes | None:
        """Of one request of the kernel; None where it expects none."""
        _, code, unique, number, *_ = _HEADER.unpack_from(request)
        if code in (2, 36, 42):  # forget, interrupt, forget many
            return None
        body, error = b"", 0
        try:
            do = self._in_folder if code in (1, 9, 10, 11, 12, 28, 35, 45) else self._of_node
            body = do(code, number, request[_HEADER.size :])
        except OSError as refusal:
            error = refusal.errno or errno.EIO
        return struct.pack("<IiQ", 16 + len(body), -error, unique) + body

    def _in_folder(self, code: int, number: int, rest: bytes) -> bytes:
        folder = self._nodes[number]
        match code:
            case 1:  # look up
                return self._entry(self._named(folder, _words(rest)[0]))
            case 9:  # make a folder
                mode = struct.unpack_from("<I", rest)[0]
                return self._entry(self._make(folder, _words(rest[8:])[0], stat.S_IFDIR | mode))
            case 10 | 11:  # unlink, remove a folder
                return self._unlink(folder, _words(rest)[0])
            case 28:  # list
                _, start, size = struct.unpack_from("<QQI", rest)
                return b"".join(self._listed(folder, start, size))
            case 35:  # create and open
                mode = struct.unpack_from("<4xI", rest)[0]
                return self._entry(self._make(folder, _words(rest[16:])[0], mode)) + bytes(16)
        old, new = _words(rest[8 if code == 12 else 16 :])  # rename, of the first or the second kind
        self._nodes[struct.unpack_from("<Q", rest)[0]].names[new] = folder.names.pop(old)
        return b""

    def _of_node(self, code: int, number: int, rest: bytes) -> bytes:
        if code in _ALWAYS:
            return _ALWAYS[code]
        node = self._nodes[number]
        match code:
            case 3:  # get attributes
                return bytes(16) + self._attributes(number)
            case 4:  # set attributes: size and mode count
                valid, size, mode = struct.unpack_from("<I12xQ44xI", rest)
                if valid & 1 << 3:
                    node.data = node.data[:size].ljust(size, b"\0")
                if valid & 1:
                    node.mode = stat.S_IFMT(node.mode) | stat.S_IMODE(mode)
                return bytes(16) + self._attributes(number)
            case 15:  # read
                _, start, size = struct.unpack_from("<QQI", rest)
                return bytes(node.data[start : start + size])
            case 16:  # write
                _, start, size = struct.unpack_from("<QQI", rest)
                node.data.extend(bytes(max(0, start + size - len(node.data))))
                node.data[start : start + size] = rest[40 : 40 + size]
                return struct.pack("<II", size, 0)
            case 20 | 30:  # sync a file, a folder
                if self._syncs:
                    node.sync()
                return b""
        raise OSError(errno.ENOSYS, "")

    def _named(self, folder: Node, name: bytes) -> int:
        if name not in folder.names:
            raise OSError(errno.ENOENT, "")
        return folder.names[name]

    def _make(self, folder: Node, name: bytes, mode: int) -> int:
        number = folder.names[name] = max(self._nodes) + 1
        self._nodes[number] = Node(mode)
        return number

    def _unlink(self, folder: Node, name: bytes) -> bytes:
        if self._nodes[self._named(folder, name)].names:
            raise OSError(errno.ENOTEMPTY, "")
        del folder.names[name]
        return b""

    def _attributes(self, number: int) -> bytes:
        node = self._nodes[number]
        size = len(node.data)
        times, links = [0] * 6, 2 if node.names else 1
        return _ATTRIBUTES.pack(
            number, size, -(-size // 512), *times, node.mode, links, os.getuid(), os.getgid(), 0, PAGE, 0
        )

    def _entry(self, number: int) -> bytes:
        return struct.pack("<QQQQII", number, 0, 0, 0, 0, 0) + self._attributes(number)

    def _listed(self, folder: Node, start: int, size: int) -> Iterator[bytes]:
        for place, (name, number) in enumerate(sorted(folder.names.items()), 1):
            line = struct.pack("<QQII", number, place, len(name), self._nodes[number].mode >> 12) + name
            line = line.ljust(-(-len(line) // 8) * 8, b"\0")
            size -= len(line)
            if place > start and size >= 0:
                yield line


def _words(rest: bytes) -> list[bytes]:
    return rest.split(b"\0")[:-1]


def mount(folder: str) -> int:
    """Mount on a folder; return the descriptor to read requests from and write answers to."""
    libc = ctypes.CDLL(None, use_errno=True)
    device = os.open("/dev/fuse", os.O_RDWR)
    options = f"fd={device},rootmode=40000,user_id={os.getuid()},group_id={os.getgid()}"
    if libc.mount(b"forgetful", folder.encode(), b"fuse", 0, options.encode()):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), folder)
    return device


def serve(folder: str, device: int, orders: Connection, *, syncs: bool) -> None:
    """Answer the kernel; an order, the share that is kept and a seed, cuts the power and mounts what is left."""
    tree = Forgetful(syncs=syncs)
    while True:
        for ready in select.select([device, orders.fileno()], [], [])[0]:
            if ready != device:
                try:
                    kept, seed = orders.recv()
                except EOFError:
                    return
                os.close(device)  # whoever has a file open gets an error from now on
                ctypes.CDLL(None).umount2(folder.encode(), _DETACH)
                tree.lose_power(kept, random.Random(seed))
                device = mount(folder)
                orders.send("mounted")
                break
            answer = tree.answer(os.read(device, _MAX_WRITE + PAGE))
            if answer is not None:
                os.write(device, answer)

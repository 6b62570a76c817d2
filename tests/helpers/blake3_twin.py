"""BLAKE3 in plain Python, after the reference implementation in the specification: slow, obvious, for tests only."""

from __future__ import annotations

import struct

IV = (0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19)
PERMUTATION = (2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8)
CHUNK_START, CHUNK_END, PARENT, ROOT = 1, 2, 4, 8
CHUNK_BYTES, BLOCK_BYTES = 1024, 64


def _rotate(word: int, by: int) -> int:
    return (word >> by) | (word << (32 - by)) & 0xFFFFFFFF


def _quarter(v: list[int], a: int, b: int, c: int, d: int, x: int, y: int) -> None:
    for word, first, second in ((x, 16, 12), (y, 8, 7)):
        v[a] = (v[a] + v[b] + word) & 0xFFFFFFFF
        v[d] = _rotate(v[d] ^ v[a], first)
        v[c] = (v[c] + v[d]) & 0xFFFFFFFF
        v[b] = _rotate(v[b] ^ v[c], second)


def _compress(chain: tuple[int, ...], block: bytes, counter: int, flags: int) -> tuple[int, ...]:
    m = struct.unpack("<16I", block.ljust(BLOCK_BYTES, b"\0"))
    v = [*chain, *IV[:4], counter & 0xFFFFFFFF, counter >> 32, len(block), flags]
    for _ in range(7):
        for i in range(4):
            _quarter(v, i, 4 + i, 8 + i, 12 + i, m[2 * i], m[2 * i + 1])
        for i in range(4):
            _quarter(v, i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4, m[8 + 2 * i], m[9 + 2 * i])
        m = tuple(m[p] for p in PERMUTATION)
    return tuple(v[i] ^ v[i + 8] for i in range(8))


def _node(data: bytes, first_chunk: int, root: int) -> tuple[int, ...]:
    """Chaining value of a subtree; its left child holds the most chunks, a power of two, that leave the right some."""
    if len(data) <= CHUNK_BYTES:
        blocks = [data[i : i + BLOCK_BYTES] for i in range(0, len(data), BLOCK_BYTES)] or [b""]
        chain: tuple[int, ...] = IV
        for i, block in enumerate(blocks):
            last = (CHUNK_END | root) if i == len(blocks) - 1 else 0
            chain = _compress(chain, block, first_chunk, (CHUNK_START if i == 0 else 0) | last)
        return chain
    left = 1 << (((len(data) - 1) // CHUNK_BYTES).bit_length() - 1)
    children = (
        _node(data[: left * CHUNK_BYTES], first_chunk, 0),
        _node(data[left * CHUNK_BYTES :], first_chunk + left, 0),
    )
    return _compress(IV, struct.pack("<16I", *children[0], *children[1]), 0, PARENT | root)


def blake3(data: bytes) -> bytes:
    """The 32-byte digest of ``data``."""
    return struct.pack("<8I", *_node(data, 0, ROOT))


def row_digest(domain: str, fields: list[str]) -> bytes:
    """What ``hash_rows`` promises for one row."""
    encoded = [text.encode() for text in (domain, *fields)]
    return blake3(b"".join(struct.pack("<Q", len(text)) + text for text in encoded))

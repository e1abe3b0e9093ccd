"""TensorFlow's variables on disk as NumPy arrays, without TensorFlow.

A bundle is `NAME.index`, a sorted table of entries in blocks (LevelDB's format, uncompressed), and
`NAME.data-0000i-of-0000n`, the numbers. An entry is a protocol buffer that says where a variable's
numbers lie. Formats as in TensorFlow's `tensor_bundle.proto` and LevelDB's `table_format.md`.
Checksums are not compared; sizes are.
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from playmate_jax.errors import UserError

_MAGIC = 0xDB4775248B80FB57  # the last eight bytes of an index
_FOOTER = 48  # bytes: two places of blocks, padding, magic
_TYPES = {1: "<f4", 2: "<f8", 3: "<i4", 9: "<i8", 19: "<f2"}  # of `types.proto`
_SHAPE, _SHARD, _OFFSET, _SIZE = 2, 3, 4, 5  # fields of an entry; 1 is its type


def read(prefix: str | Path) -> dict[str, np.ndarray]:
    """Every variable of a bundle, by name.

    Args:
      prefix: the path of its files, without ".index" and ".data-...".

    Raises:
      UserError: missing files, damage, or numbers of a type that no network here has.
    """
    index = Path(f"{prefix}.index")
    try:
        return dict(_variables(index.read_bytes(), str(prefix)))
    except FileNotFoundError as error:
        raise UserError(
            f"expected TensorFlow's variables at {prefix}, found no {error.filename}: give the "
            "folder of the whole SavedModel"
        ) from None
    except (ValueError, IndexError, KeyError, OverflowError, UnicodeDecodeError, struct.error):
        raise UserError(f"{index} or its data are damaged; fetch them again") from None


def _variables(index: bytes, prefix: str) -> Iterator[tuple[str, np.ndarray]]:
    shards = 1
    for name, value in _entries(index):
        fields = _fields(value)
        if not name:  # the header
            shards = _number(fields, 1, 1)
            continue
        shape = tuple(_number(_fields(dim), 1) for dim in _fields(fields[_SHAPE][0]).get(2, ()))
        kind = _TYPES.get(_number(fields, 1))
        if kind is None:
            raise UserError(f"{prefix} holds {name.decode()}, which is no array of numbers")
        size = _number(fields, _SIZE)
        with Path(f"{prefix}.data-{_number(fields, _SHARD):05d}-of-{shards:05d}").open("rb") as f:
            f.seek(_number(fields, _OFFSET))
            content = f.read(size)
        yield name.decode(), np.frombuffer(content, kind).reshape(shape).copy()


def _entries(index: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of the whole table, in its order."""
    footer = index[-_FOOTER:]
    if struct.unpack("<Q", footer[-8:])[0] != _MAGIC:
        raise ValueError("no index")
    at = 0
    places = []
    for _ in range(4):
        value, at = _varint(footer, at)
        places.append(value)
    for _, place in _block(index, *places[2:]):
        offset, after = _varint(place, 0)
        yield from _block(index, offset, _varint(place, after)[0])


def _block(index: bytes, offset: int, size: int) -> Iterator[tuple[bytes, bytes]]:
    """A block's keys, each of which repeats the beginning of the one before, and its values."""
    block, kind = index[offset : offset + size], index[offset + size]
    if kind:
        raise ValueError("a compressed block")
    restarts = struct.unpack("<I", block[-4:])[0]
    end, at, key = len(block) - 4 - 4 * restarts, 0, b""
    while at < end:
        shared, at = _varint(block, at)
        own, at = _varint(block, at)
        length, at = _varint(block, at)
        key = key[:shared] + block[at : at + own]
        at += own
        yield key, block[at : at + length]
        at += length


# ---- protocol buffers ---------------------------------------------------------------------------


def _fields(message: bytes) -> dict[int, list[Any]]:
    """A message's fields by number: integers, and bytes of what is nested."""
    found: dict[int, list[Any]] = {}
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        number, wire = key >> 3, key & 7
        if wire == 0:
            value, at = _varint(message, at)
        else:
            size = {1: 8, 5: 4}.get(wire)
            if size is None:
                if wire != 2:  # noqa: PLR2004
                    raise ValueError("an unknown wire type")
                size, at = _varint(message, at)
            value, at = message[at : at + size], at + size
        found.setdefault(number, []).append(value)
    return found


def _number(fields: dict[int, list[Any]], number: int, default: int = 0) -> int:
    value = fields.get(number, [default])[-1]
    if not isinstance(value, int):
        raise ValueError("bytes where a number should be")
    return value


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A number of seven bits a byte, and the place behind it."""
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:  # noqa: PLR2004
            return value, at
        if shift > 63:  # noqa: PLR2004
            raise ValueError("a number of too many bytes")

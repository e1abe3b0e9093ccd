"""Pickles of numbers, read without executing them: motion templates and statistics of others.

A pickle is a program for a small stack machine, and Python's implementation of that machine calls
any function that the program names. The implementation here calls none: it builds None, numbers,
text, bytes, lists, tuples, dicts and, for the names in `_MAKERS`, NumPy arrays of numbers from
their bytes. NumPy's own `__setstate__` is never called. Every other name and every other
instruction is refused before any object is built from it; the error states which one it was.
"""

import os
import pickletools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from playmate_jax.errors import UserError
from playmate_jax.media.container import check_readable

LARGEST_BYTES = 256 << 20  # two hours of LivePortrait's largest templates
_DEEPEST = 32  # lists in lists; a template has three


class _Refused(Exception):
    """A name, instruction or object in the file that is not allowed."""


@dataclass
class _Pending:
    """A dtype or array that was created, but not yet completed by the instruction BUILD."""

    value: Any


@dataclass(frozen=True)
class _Name:
    """The name of a class or function in a pickle; the object itself is never looked up."""

    text: str


_NUMBERS = {"b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"}
_BYTE_ORDERS = {"<", ">", "=", "|"}


def load(path: str | os.PathLike, what: str = "a pickle of numbers") -> Any:
    """The content of a pickle of plain values and NumPy arrays of numbers.

    Args:
      what: the kind of file, for error messages: "a motion template", for example.

    Raises:
      UserError: the file names anything but NumPy's arrays, is damaged, or is too large.
    """
    path = check_readable(path, what)
    size = path.stat().st_size
    if size > LARGEST_BYTES:
        raise UserError(
            f"expected {what} of at most {LARGEST_BYTES >> 20} MB, found {size >> 20} MB in "
            f"'{path}': cut it into parts"
        )
    try:
        return _run(path.read_bytes())
    except _Refused as refused:
        raise UserError(
            f"expected {what} with plain numbers only, found {refused} in '{path}', which is "
            "refused: nothing of the file was run, give another"
        ) from None
    except Exception:  # a damaged program can raise anything; no other code runs here
        raise UserError(
            f"expected {what}, found something else or a damaged file at '{path}': give an "
            "intact copy"
        ) from None


def _run(data: bytes) -> Any:
    """Runs the instructions up to STOP, and returns the object that they build."""
    machine = _Machine()
    for opcode, argument, _ in pickletools.genops(data):
        step = _STEPS.get(opcode.name)
        if step is None:
            named = f" of '{_dotted(argument)}'" if isinstance(argument, str) else ""
            raise _Refused(f"the instruction {opcode.name}{named}")
        step(machine, argument)
    result = machine.pop()
    if machine.stack or machine.below:
        raise ValueError("values left over")
    _check_plain(result)
    return result


class _Machine:
    """The stack since the last mark, the stacks below it, and the memo."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.below: list[list[Any]] = []
        self.memo: dict[int, Any] = {}

    def pop(self) -> Any:
        return _completed(self.stack.pop())

    def above_mark(self) -> list[Any]:
        """Pops everything above the last mark, and the mark."""
        values, self.stack = self.stack, self.below.pop()
        return [_completed(value) for value in values]

    def top(self, kind: type) -> Any:
        """The last value, which must be of the given type."""
        if type(self.stack[-1]) is not kind:
            raise ValueError(f"a {type(self.stack[-1]).__name__} where a {kind.__name__} should be")
        return self.stack[-1]

    def remember(self, index: int | None) -> None:
        self.memo[len(self.memo) if index is None else index] = self.stack[-1]


def _completed(value: Any) -> Any:
    return value.value if isinstance(value, _Pending) else value


def _mark(machine: _Machine, _: Any) -> None:
    machine.below.append(machine.stack)
    machine.stack = []


def _push(machine: _Machine, value: Any) -> None:
    machine.stack.append(value)


def _pushes(value: Callable[[], Any]) -> Callable[[_Machine, Any], None]:
    return lambda machine, _: machine.stack.append(value())


def _tuple(count: int) -> Callable[[_Machine, Any], None]:
    def step(machine: _Machine, _: Any) -> None:
        values = [machine.pop() for _ in range(count)]
        machine.stack.append(tuple(reversed(values)))

    return step


def _marked(kind: Callable[[list], Any]) -> Callable[[_Machine, Any], None]:
    def step(machine: _Machine, _: Any) -> None:
        values = machine.above_mark()
        machine.stack.append(kind(values))

    return step


def _pairs(values: list[Any]) -> dict[Any, Any]:
    keys = values[::2]
    if len(values) % 2 or not all(isinstance(key, str | int) for key in keys):
        raise ValueError("a dict with keys that are neither text nor numbers")
    return dict(zip(keys, values[1::2], strict=True))


def _append(machine: _Machine, _: Any) -> None:
    value = machine.pop()
    machine.top(list).append(value)


def _appends(machine: _Machine, _: Any) -> None:
    values = machine.above_mark()
    machine.top(list).extend(values)


def _set_item(machine: _Machine, _: Any) -> None:
    value, key = machine.pop(), machine.pop()
    machine.top(dict).update(_pairs([key, value]))


def _set_items(machine: _Machine, _: Any) -> None:
    pairs = _pairs(machine.above_mark())
    machine.top(dict).update(pairs)


def _name(machine: _Machine, argument: str) -> None:
    dotted = _dotted(argument)
    if dotted not in _MAKERS and dotted != "numpy.ndarray":
        raise _Refused(f"'{dotted}'")
    machine.stack.append(_Name(dotted))


def _stack_name(machine: _Machine, _: Any) -> None:
    name, module = machine.pop(), machine.pop()
    if not isinstance(name, str) or not isinstance(module, str):
        raise ValueError("a name that is no text")
    _name(machine, f"{module} {name}")


def _dotted(argument: str) -> str:
    """'numpy.core.multiarray scalar' as one name, by NumPy 2's spelling."""
    return argument.replace(" ", ".").replace("numpy.core.", "numpy._core.")


def _reduce(machine: _Machine, _: Any) -> None:
    arguments, name = machine.pop(), machine.pop()
    if not isinstance(name, _Name) or name.text not in _MAKERS or type(arguments) is not tuple:
        raise ValueError("a call of something that is no function")
    machine.stack.append(_MAKERS[name.text](*arguments))


def _build(machine: _Machine, _: Any) -> None:
    """Completes the dtype or array below the state; the memo's copy too, as it is the same."""
    state = machine.pop()
    pending = machine.stack[-1]
    if not isinstance(pending, _Pending):
        raise _Refused(f"a state for a {type(pending).__name__}")
    if isinstance(pending.value, np.dtype):
        _version, order, *rest = state
        if order not in _BYTE_ORDERS or any(part is not None for part in rest[:3]):
            raise _Refused("an array of records")
        pending.value = pending.value.newbyteorder(order)
    else:
        _version, shape, dtype, fortran, content = state
        pending.value = _array(content, dtype, shape, "F" if fortran else "C")


def _dtype(kind: str, _align: bool = False, _copy: bool = False) -> _Pending:
    if kind not in _NUMBERS:
        raise _Refused("an array of objects" if kind == "O8" else f"an array of '{kind}'")
    return _Pending(np.dtype(kind))


def _array(
    content: bytes | bytearray, dtype: np.dtype, shape: tuple, order: str = "C"
) -> np.ndarray:
    if not isinstance(content, bytes | bytearray) or not isinstance(dtype, np.dtype):
        raise ValueError("an array without bytes or without a type")
    values = np.frombuffer(bytes(content), dtype).reshape(shape, order="F" if order == "F" else "C")
    return values.astype(dtype.newbyteorder("="))  # a copy: writable, in this machine's order


def _empty_array(kind: _Name, _shape: tuple, _type: bytes) -> _Pending:
    if kind != _Name("numpy.ndarray"):
        raise _Refused("an array of a class of its own")
    return _Pending(None)


def _encoded(text: str, encoding: str) -> bytes:
    """Bytes as protocols 0 to 2 write them."""
    if encoding != "latin1":
        raise _Refused(f"the encoding '{encoding}'")
    return text.encode("latin1")


# The names that a file may contain, besides numpy.ndarray, and the functions used in their place.
_MAKERS: dict[str, Callable[..., Any]] = {
    "numpy.dtype": _dtype,
    "numpy._core.multiarray._reconstruct": _empty_array,
    "numpy._core.multiarray.scalar": lambda dtype, content: _array(content, dtype, ())[()],
    "numpy._core.numeric._frombuffer": _array,
    "_codecs.encode": _encoded,
}

_STEPS: dict[str, Callable[[_Machine, Any], None]] = {
    **dict.fromkeys(("PROTO", "FRAME", "STOP"), lambda machine, _: None),
    **dict.fromkeys(
        (
            "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "FLOAT", "BINFLOAT",
            "UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8",
            "SHORT_BINBYTES", "BINBYTES", "BINBYTES8", "BYTEARRAY8",
        ),
        _push,
    ),
    "NONE": _pushes(lambda: None),
    "NEWTRUE": _pushes(lambda: True),
    "NEWFALSE": _pushes(lambda: False),
    "MARK": _mark,
    "EMPTY_LIST": _pushes(list),
    "EMPTY_DICT": _pushes(dict),
    "EMPTY_TUPLE": _pushes(tuple),
    "TUPLE1": _tuple(1),
    "TUPLE2": _tuple(2),
    "TUPLE3": _tuple(3),
    "TUPLE": _marked(tuple),
    "LIST": _marked(list),
    "DICT": _marked(_pairs),
    "APPEND": _append,
    "APPENDS": _appends,
    "SETITEM": _set_item,
    "SETITEMS": _set_items,
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"), _Machine.remember),
    **dict.fromkeys(
        ("GET", "BINGET", "LONG_BINGET"),
        lambda machine, index: machine.stack.append(machine.memo[int(index)]),
    ),
    "GLOBAL": _name,
    "STACK_GLOBAL": _stack_name,
    "REDUCE": _reduce,
    "BUILD": _build,
}  # fmt: skip


def _check_plain(value: Any) -> None:
    """Refuses unevaluated names and deep or cyclic nesting, so that callers can walk the result."""
    level = [value]
    for _ in range(_DEEPEST):
        inside = [part for one in level for part in _parts(one)]
        if any(isinstance(part, _Name) for part in (*level, *inside)):
            raise ValueError("a name where a value should be")
        level = list({id(part): part for part in inside}.values())
        if not level:
            return
    raise _Refused(f"values nested more than {_DEEPEST} deep")


def _parts(value: Any) -> Iterable[Any]:
    """The values in a dict, list or tuple."""
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list | tuple) else ()

"""Frozen configuration dataclasses as plain JSON values, and back, strictly.

`config.json` of a weights directory holds `to_values(config)`; `from_values(Config, values)` builds
the dataclass again. An unknown key is an error that suggests the nearest name, so that a file of
another model is rejected instead of partly read; absent keys keep the dataclass's defaults. The
command line replaces single fields by their dotted names (`with_overrides`).
"""

import dataclasses
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

from playmate_jax.errors import UserError, nearest

Config = TypeVar("Config", bound=Any)


def to_values(config: Any) -> Any:
    """A dataclass as nested dicts, lists and scalars that JSON can hold; tuples become lists."""
    if dataclasses.is_dataclass(config):
        return {f.name: to_values(getattr(config, f.name)) for f in dataclasses.fields(config)}
    if isinstance(config, tuple | list):
        return [to_values(item) for item in config]
    return config


def from_values(cls: type[Config], values: Any, where: str = "config") -> Config:
    """Builds the dataclass `cls` from plain values; the inverse of `to_values`.

    Args:
      values: a mapping from field names to plain values, nested as the dataclass is.
      where: the name of this place in error messages, such as "config.warping".

    Raises:
      UserError: not a mapping, an unknown key, or values that the dataclass refuses.
    """
    if not isinstance(values, Mapping):
        raise UserError(f"expected {where} to be a table of {cls.__name__}, found {values!r:.60}")
    fields = {field.name: field for field in dataclasses.fields(cls)}
    hints = typing.get_type_hints(cls)
    built = {}
    for name, value in values.items():
        if name not in fields:
            raise UserError(
                f"expected only fields of {cls.__name__} in {where}, found '{name}'"
                f"{nearest(name, fields)}: these may be the weights of another model"
            )
        built[name] = _as(hints[name], value, f"{where}.{name}")
    try:
        return cls(**built)
    except (TypeError, ValueError) as error:
        raise UserError(f"expected a valid {cls.__name__} in {where}, found: {error}") from None


def _as(hint: Any, value: Any, where: str) -> Any:
    """A JSON value as the type that a field is annotated with."""
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        options = [option for option in typing.get_args(hint) if option is not type(None)]
        return None if value is None else _as(options[0], value, where)
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return from_values(hint, value, where)
    if (typing.get_origin(hint) or hint) is tuple and isinstance(value, list):
        inner = [a for a in typing.get_args(hint) if a is not Ellipsis]
        kinds = inner if len(inner) == len(value) else (inner[:1] or [Any]) * len(value)
        return tuple(_as(kind, item, where) for kind, item in zip(kinds, value, strict=True))
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if hint in (bool, int, float, str) and not isinstance(value, hint):
        raise UserError(f"expected {where} as {hint.__name__}, found {value!r:.60}")
    return value


def with_overrides(config: Any, overrides: Mapping[str, Any]) -> Any:
    """A copy of a (nested) frozen dataclass with some fields replaced.

    Args:
      overrides: new values by dotted field name ("loop.log_every"). Text is converted to the type
        of the value that it replaces.

    Raises:
      UserError: an unknown field (the nearest name is suggested), or text that does not convert.
    """
    for name, value in overrides.items():
        head, _, rest = name.partition(".")
        fields = [field.name for field in dataclasses.fields(config)]
        if head not in fields:
            raise UserError(
                f"expected one of {', '.join(fields)}, found {head!r}{nearest(head, fields)}"
            )
        old = getattr(config, head)
        new = with_overrides(old, {rest: value}) if rest else _as_type_of(old, value, name)
        config = dataclasses.replace(config, **{head: new})
    return config


def _as_type_of(old: Any, value: Any, name: str) -> Any:
    if not isinstance(value, str) or isinstance(old, str) or old is None:
        return value
    try:
        if isinstance(old, bool):
            return {"true": True, "false": False, "1": True, "0": False}[value.lower()]
        if isinstance(old, tuple):
            return tuple(type(old[0])(part) for part in value.split(","))
        return type(old)(value)
    except (ValueError, KeyError) as error:
        raise UserError(
            f"expected {name} as {type(old).__name__}, found {value!r}; give one like {old!r}"
        ) from error


def differences(before: Any, now: Any, where: str = "") -> list[str]:
    """The fields in which two plain configurations differ, each as "dotted.name: old -> new"."""
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        names = dict.fromkeys([*before, *now])
        return [
            line
            for name in names
            for line in differences(before.get(name), now.get(name), f"{where}.{name}".strip("."))
        ]
    return [] if before == now else [f"{where}: {before} -> {now}"]

"""Configurations as JSON values."""

import dataclasses
import json

import pytest

from playmate_jax.configuration import differences, from_values, to_values
from playmate_jax.errors import UserError


@dataclasses.dataclass(frozen=True)
class _Inner:
    widths: tuple[int, ...] = (1, 2)
    blocks: tuple[tuple[int, int], ...] = ((1, 2),)


@dataclasses.dataclass(frozen=True)
class _Outer:
    inner: _Inner = _Inner()
    rate: float = 0.1
    depth: int | None = None


def test_json_and_back_is_the_same_configuration():
    config = _Outer(_Inner((3,), ((4, 5), (6, 7))), 1.0, 2)
    assert from_values(_Outer, json.loads(json.dumps(to_values(config)))) == config


def test_absent_fields_keep_their_defaults():
    assert from_values(_Outer, {"depth": 3}) == _Outer(depth=3)


def test_an_unknown_field_suggests_the_nearest():
    with pytest.raises(UserError, match="did you mean 'widths'"):
        from_values(_Outer, {"inner": {"width": [1]}})


@pytest.mark.parametrize("values", [{"rate": "fast"}, {"inner": 3}, [1], {"depth": "deep"}])
def test_values_of_another_kind_are_refused(values):
    with pytest.raises(UserError, match="expected"):
        from_values(_Outer, values)


def test_differences_name_what_changed():
    before = {"a": 1, "b": {"c": [1, 2], "d": "x"}, "gone": True}
    now = {"a": 1, "b": {"c": [1, 3], "d": "x"}, "new": 0.5}
    assert differences(before, now) == [
        "b.c: [1, 2] -> [1, 3]", "gone: True -> None", "new: None -> 0.5"
    ]  # fmt: skip

"""A weights directory round-trips, and a damaged or foreign one is refused in one message."""

import jax
import numpy as np
import pytest

from playmate_jax.errors import UserError
from playmate_jax.hub.weights import check_tree, load_weights, save_weights

PARAMS = {"a": {"kernel": np.arange(6, dtype=np.float32).reshape(2, 3)}, "b": np.ones(2, np.int32)}


def test_weights_round_trip_bit_exactly(tmp_path):
    save_weights(tmp_path / "w é", {"width": 3}, PARAMS, {"licence": "Apache-2.0"})
    config, params, card = load_weights(tmp_path / "w é")
    assert config == {"width": 3} and card == {"licence": "Apache-2.0"}
    jax.tree.map(np.testing.assert_array_equal, params, PARAMS)


def test_half_precision_halves_the_file_and_loads_as_float32(tmp_path):
    wide = {"k": np.linspace(-1, 1, 4096, dtype=np.float32)}
    for dtype in (None, "float16", "bfloat16"):
        save_weights(tmp_path / str(dtype), {}, wide, {}, dtype)
    size = {d: (tmp_path / str(d) / "params.safetensors").stat().st_size for d in (None, "float16")}
    assert size["float16"] < 0.6 * size[None]
    for dtype, step in (("float16", 2**-11), ("bfloat16", 2**-8)):  # half a unit in the last place
        restored = load_weights(tmp_path / dtype)[1]["k"]
        assert restored.dtype == np.float32 and np.abs(restored - wide["k"]).max() <= step


@pytest.mark.parametrize("damage", ["truncate", "missing", "nan"])
def test_damaged_weights_are_refused(tmp_path, damage):
    params = {"k": np.full(8, np.nan, np.float32)} if damage == "nan" else PARAMS
    directory = save_weights(tmp_path / "w", {}, params, {})
    file = directory / "params.safetensors"
    if damage == "truncate":
        file.write_bytes(file.read_bytes()[:-4])
    elif damage == "missing":
        file.unlink()
    with pytest.raises(UserError):
        load_weights(directory)


def test_a_failed_save_leaves_the_old_directory_and_no_scratch(tmp_path):
    save_weights(tmp_path / "w", {"version": 1}, PARAMS, {})
    with pytest.raises(TypeError):
        save_weights(tmp_path / "w", {"version": object()}, PARAMS, {})
    assert load_weights(tmp_path / "w")[0] == {"version": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["w"]


def test_every_difference_between_weights_and_model_is_listed():
    shape = lambda *dims: jax.ShapeDtypeStruct(dims, np.float32)  # noqa: E731
    with pytest.raises(UserError) as error:
        check_tree(PARAMS, {"a": {"kernel": shape(2, 4)}, "c": shape(1)})
    for line in ("+ b (2,)", "- c (1,)", "~ a/kernel (2, 3), the model has (2, 4)"):
        assert line in str(error.value)

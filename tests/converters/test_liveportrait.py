"""LivePortrait's tables: complete at full size, files there and back, damage refused."""

import json
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from flax.traverse_util import flatten_dict

from playmate_jax.converters import liveportrait, liveportrait_weights, stand_in, torch_files
from playmate_jax.converters.rules import Ignored
from playmate_jax.errors import UserError
from playmate_jax.inference.face_renderer import FaceRenderer
from playmate_jax.models.configuration import from_values
from playmate_jax.models.renderer import RendererConfig
from playmate_jax.models.weights import load_weights

RECORDINGS = Path(__file__).parent / "recordings"
SMALL = from_values(
    RendererConfig, json.loads((RECORDINGS / "configs.json").read_text())["liveportrait"]
)
MANIFESTS = {"eyes": "eye", "lips": "lip"}


def states() -> dict[str, dict[str, np.ndarray]]:
    """Stand-in state dicts of all seven networks at the recordings' sizes."""
    found = {}
    for field in liveportrait.tables(SMALL):
        file = RECORDINGS / "manifests" / f"liveportrait_{MANIFESTS.get(field, field)}.json"
        found[field] = stand_in.state_dict(json.loads(file.read_text()), 3)
    return found


@pytest.fixture
def folder(tmp_path):
    """The official layout: two folders, five files, `module.` in front of the retargeters."""
    pytest.importorskip("torch")
    by_field = states()
    for field, name in liveportrait.FILES.items():
        torch_files.write(tmp_path / "base_models" / name, by_field[field])
    retargeting = {
        key: {f"module.{name}": value for name, value in by_field[field].items()}
        for key, field in liveportrait.RETARGETING_KEYS.items()
    }
    torch_files.write(tmp_path / "retargeting_models" / liveportrait.RETARGETING_FILE, retargeting)
    return tmp_path


def test_full_size_tables_fill_every_leaf_once():
    shapes = liveportrait.leaf_shapes(RendererConfig())
    for field, table in liveportrait.tables(RendererConfig()).items():
        targets = [entry.target for entry in table if not isinstance(entry, Ignored)]
        assert sorted(targets) == sorted(shapes[field]), field


def test_tables_follow_the_originals_order_of_names():
    by_field = states()
    for field, table in liveportrait.tables(SMALL).items():
        assert [entry.source for entry in table] == list(by_field[field]), field


def test_five_files_and_back_are_exact(folder, tmp_path):
    variables, kept = liveportrait.read(folder, SMALL)
    written = liveportrait.write(tmp_path / "back", SMALL, variables, kept)
    assert len(written) == 5
    assert_same_files(folder, written)


def assert_same_files(folder, written):
    for path in written:
        original = flatten_dict(
            torch_files.read(next(folder.glob(f"*_models/{path.name}"))), sep="|"
        )
        back = flatten_dict(torch_files.read(path), sep="|")
        assert list(back) == list(original)
        for name, value in original.items():
            assert back[name].dtype == value.dtype
            np.testing.assert_array_equal(back[name], value)


def test_a_converted_directory_loads_and_goes_back_exactly(folder, tmp_path):
    motion = next(folder.glob("*/motion_extractor.pth"))
    appearance = next(folder.glob("*/appearance_feature_extractor.pth"))
    counted = {  # counters of a trained network are not zero
        name: value + 7 if name.endswith("num_batches_tracked") else value
        for name, value in torch_files.read(appearance).items()
    }
    torch_files.write(appearance, counted)
    converted = liveportrait_weights.convert(folder, tmp_path / "renderer", SMALL)
    config, variables, card = load_weights(converted)
    assert FaceRenderer.from_weights(config, variables, "here").config == SMALL
    assert card["source_sha256"][motion.name] == sha256(motion.read_bytes()).hexdigest()
    assert "MIT" in card["licence"] and card["versions"]["torch"]
    written = liveportrait_weights.convert_back(converted, tmp_path / "back")
    assert_same_files(folder, written)


def test_converting_something_else_is_one_sentence(tmp_path, capsys):
    pytest.importorskip("torch")
    assert liveportrait_weights.main([str(tmp_path), str(tmp_path / "out")]) == 2
    assert "expected one appearance_feature_extractor.pth" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_swapped_file_is_refused_with_both_sides(folder):
    swapped = folder / "base_models" / "spade_generator.pth"
    swapped.write_bytes((folder / "base_models" / "warping_module.pth").read_bytes())
    with pytest.raises(UserError, match=r"(?s)\+ third\.conv\.weight.*- up_1"):
        liveportrait.read(folder, SMALL)


def test_a_truncated_file_is_refused(folder):
    file = folder / "base_models" / "motion_extractor.pth"
    file.write_bytes(file.read_bytes()[:5000])
    with pytest.raises(UserError, match=r"motion_extractor\.pth to hold tensors only"):
        liveportrait.read(folder, SMALL)


def test_a_file_that_would_run_code_is_refused_and_does_not_run(folder, tmp_path):
    import pickle

    trace = tmp_path / "ran"

    class Harmful:
        def __reduce__(self):
            return Path.touch, (trace,)

    file = folder / "base_models" / "motion_extractor.pth"
    file.write_bytes(pickle.dumps({"weights": Harmful()}))
    with pytest.raises(UserError, match="tensors only"):
        liveportrait.read(folder, SMALL)
    assert not trace.exists()


def test_a_missing_file_says_which(tmp_path):
    with pytest.raises(UserError, match=r"expected one appearance_feature_extractor\.pth"):
        liveportrait.read(tmp_path, SMALL)

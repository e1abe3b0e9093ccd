"""LivePortrait's tables: complete at full size, in the originals' order, sizes read from shapes."""

import dataclasses
import json
from pathlib import Path

import pytest

from playmate_jax.configuration import from_values
from playmate_jax.converters import synthetic_weights
from playmate_jax.converters.liveportrait import rules as liveportrait
from playmate_jax.converters.liveportrait.sizes import config_of
from playmate_jax.converters.rules import Ignored
from playmate_jax.errors import UserError
from playmate_jax.models.renderer import RendererConfig

RECORDINGS = Path(__file__).parent / "recordings"
SMALL = from_values(
    RendererConfig, json.loads((RECORDINGS / "configs.json").read_text())["liveportrait"]
)
MANIFESTS = {"eyes": "eye", "lips": "lip"}


def manifest(field: str) -> dict:
    file = RECORDINGS / "manifests" / f"liveportrait_{MANIFESTS.get(field, field)}.json"
    return json.loads(file.read_text())


def test_full_size_tables_fill_every_leaf_once():
    shapes = liveportrait.leaf_shapes(RendererConfig())
    for field, table in liveportrait.tables(RendererConfig()).items():
        targets = [entry.target for entry in table if not isinstance(entry, Ignored)]
        assert sorted(targets) == sorted(shapes[field]), field


def test_tables_follow_the_originals_order_of_names():
    for field, table in liveportrait.tables(SMALL).items():
        state = synthetic_weights.state_dict(manifest(field), 3)
        assert [entry.source for entry in table] == list(state), field


def found_shapes(fields) -> dict:
    return {
        f"{field}.{name}": tuple(shape)
        for field in fields
        for name, (shape, _) in manifest(field).items()
    }


def test_sizes_are_read_from_the_shapes_of_all_networks():
    found = config_of(found_shapes(liveportrait.PARTS))
    assert liveportrait.shapes(found) == liveportrait.shapes(SMALL)
    assert found.motion == SMALL.motion and found.stitching == SMALL.stitching


def test_one_network_tells_what_it_needs_of_its_neighbours():
    for field in ("warping", "spade"):
        found = config_of(found_shapes([field]))
        assert liveportrait.leaf_shapes(found)[field] == liveportrait.leaf_shapes(SMALL)[field]


def test_shapes_that_make_no_sense_leave_the_official_sizes():
    shapes = found_shapes(["appearance"]) | {"appearance.second.weight": (1, 2, 1, 1)}
    assert config_of(shapes).appearance == RendererConfig().appearance
    assert config_of({"motion.x": (1,)}) == RendererConfig()


def test_a_renderer_with_the_plain_motion_extractor_has_no_place_in_liveportraits_files():
    plain = dataclasses.replace(SMALL.motion, trunk="plain", pool="flatten")
    with pytest.raises(UserError, match=r"expected motion\.trunk 'convnext'.* found 'plain'"):
        liveportrait.tables(dataclasses.replace(SMALL, motion=plain))

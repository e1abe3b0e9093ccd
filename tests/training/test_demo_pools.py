"""The command that makes what the demo stages train on, at a tiny size."""

import json

import numpy as np
import pytest

from playmate_jax.errors import UserError
from playmate_jax.synthetic.pool import open_pool
from playmate_jax.training import demo_pools

FACES = ("pool", "train")
CLIPS = ("demo", "clips", "emotional")


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """A folder in which the command was run through once."""
    monkeypatch.setattr(demo_pools, "FACES", {FACES[-1]: {"seed": 1, "identities": 2}})
    tables = {CLIPS[-1]: {"seed": 2, "count": 2, "emotional": True, "voice": "mix"}}
    monkeypatch.setattr(demo_pools, "CLIPS", tables)
    make(tmp_path)
    return tmp_path


def make(runs):
    demo_pools.main([str(runs), "--processes", "1"])


def test_whole_pools_are_left_alone(runs):
    faces, clips = runs.joinpath(*FACES), runs.joinpath(*CLIPS)
    assert open_pool(faces).ready() == 2
    assert len(json.loads((clips / "phonemes.json").read_text())) == 2
    marked = open_pool(faces, "r+").image, np.load(clips / "motion.npy", mmap_mode="r+")
    for array in marked:
        array[1] = 7
        array.flush()
    make(runs)
    assert (open_pool(faces).image[1] == 7).all()
    assert (np.load(clips / "motion.npy")[1] == 7).all()


def test_what_broke_off_is_finished_as_if_it_had_not(runs):
    faces, clips = runs.joinpath(*FACES), runs.joinpath(*CLIPS)
    whole = {path: path.read_bytes() for path in runs.rglob("*.*")}
    pool = open_pool(faces, "r+")
    pool.done[1], pool.image[1] = 0, 0
    np.load(clips / "motion.npy", mmap_mode="r+")[1] = 0
    (clips / "phonemes.json").unlink()
    del pool
    make(runs)
    assert {path: path.read_bytes() for path in runs.rglob("*.*")} == whole


def test_the_stages_train_on_what_the_command_makes():
    from playmate_jax.training import load_config

    made = {f"runs/pool/{name}" for name in demo_pools.FACES}
    made |= {f"runs/demo/clips/{name}" for name in demo_pools.CLIPS}
    asked = set()
    for name in ("face_space", "stage1", "stage2"):
        config = load_config(f"configs/demo_{name}.py")
        for field in ("pool", "test_pool", "clips", "statistics"):
            asked |= set(getattr(config, field, "").split(",")) - {""}
    assert asked == made


def test_clips_of_another_kind_are_not_taken_for_these(runs, monkeypatch):
    tables = {CLIPS[-1]: {"seed": 3, "count": 2, "emotional": True, "voice": "mix"}}
    monkeypatch.setattr(demo_pools, "CLIPS", tables)
    with pytest.raises(UserError, match="use another folder"):
        make(runs)

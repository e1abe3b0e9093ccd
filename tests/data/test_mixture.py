"""Several data sets on disk as one."""

import dataclasses

import numpy as np
import pytest

from playmate_jax.data import face_space, stage1, stage2
from playmate_jax.errors import UserError
from tests.data.made_up_clips import made_up_clip, write_data_set


def folders_of(root, kind, *clips_of_sets):
    return [
        str(write_data_set(root / f"set {n}", kind, [clips]))
        for n, clips in enumerate(clips_of_sets)
    ]


def test_without_weights_every_labelled_clip_is_seen_equally_often(tmp_path):
    """One of four clips of the first set is labelled, all four of the second."""
    sets = [[made_up_clip(n) for n in numbers] for numbers in ((0, 1, 3, 6), (2, 4, 5, 7))]
    with stage2(folders_of(tmp_path, "talking_clips", *sets), 50) as batches:
        emotions = next(batches)["emotion"][:, 0].argmax(-1)
    assert np.bincount(emotions).tolist() == [0, 10, 10, 0, 10, 10, 0, 10]


def test_without_weights_every_clip_with_images_is_seen_equally_often(tmp_path):
    """Two of four clips of the first set have images enough for a pair."""
    first = [made_up_clip(n, images=1 + 2 * (n % 2)) for n in range(4)]
    second = [made_up_clip(n) for n in range(4, 8)]
    folders = folders_of(tmp_path, "portrait_pairs", first, second)
    with face_space(folders, 12, pairs=1) as batches:
        identity = next(batches)["identity"]
    of_first = (identity[:, None] == np.stack([clip.identity for clip in first])).all(-1).any(-1)
    assert of_first.sum() == 4


def test_weights_of_some_data_sets_alone_are_refused(tmp_path):
    folders = folders_of(tmp_path, "talking_clips", [made_up_clip(0)], [made_up_clip(1)])
    with pytest.raises(UserError, match="a weight for each data set or for none"):
        stage1(f"{folders[0]}:0.7,{folders[1]}", 4)
    with pytest.raises(UserError, match="weights above 0"):
        stage1({folders[0]: 0.7, folders[1]: float("inf")}, 4)


def test_a_set_without_clips_to_train_on_takes_the_statistics_of_another(tmp_path):
    clips = [made_up_clip(n) for n in range(2)]
    held_out = [dataclasses.replace(clip, split="validation") for clip in clips]
    (known,) = folders_of(tmp_path, "talking_clips", clips)
    other = write_data_set(tmp_path / "other", "talking_clips", [held_out], "validation")
    with pytest.raises(UserError, match="clips to train on, found validation alone"):
        stage1(other, 4, split="validation")
    with stage1(known, 4) as batches:
        statistics = batches.statistics
    with stage1(other, 4, split="validation", statistics=statistics) as batches:
        assert next(batches)["motion"].shape == (4, 100, 70)

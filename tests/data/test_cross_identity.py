"""Source images with drivers of another person, and their position."""

import numpy as np

from playmate_jax.data.cross_identity import SourceBatch, cross_identity
from tests.data.made_up_records import assert_batch
from tests.data.test_frame_pairs import told


def test_another_person_drives_and_landmarks_are_the_sources(portrait_records):
    batch = next(cross_identity(portrait_records, 64))
    clips, images = told(batch["source"])
    others, _ = told(batch["driving"])
    assert (clips % 4 != others % 4).all()  # speakers of the clips
    np.testing.assert_array_equal(batch["landmarks"][:, 7, 1], images)
    assert batch["has_landmarks"].all()


def test_a_batch_of_sources_is_what_its_type_says(portrait_records):
    assert_batch(next(cross_identity(portrait_records, 8)), SourceBatch)


def test_a_position_is_gone_on_with(portrait_records):
    with cross_identity(portrait_records, 8) as first, cross_identity(portrait_records, 8) as again:
        for _ in range(2):
            next(first)
        again.set_state(first.get_state())
        one, other = next(first), next(again)
        for name in one:
            np.testing.assert_array_equal(one[name], other[name])

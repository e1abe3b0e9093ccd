"""The plan of a preparation follows from its sources alone, and refuses what would go wrong."""

import dataclasses
import random

import pytest

from playmate_jax.errors import UserError
from playmate_jax.prepare.plan import digest, from_line, plan, to_lines
from playmate_jax.prepare.readers import read
from tests.prepare import made_up
from tests.prepare.fake_makers import sources


def test_every_source_is_in_one_task_of_its_split_whatever_their_order():
    listed = sources(100)
    mixed = random.Random(1).sample(listed, len(listed))
    planned = plan(listed, 7)
    assert planned == plan(mixed, 7) and digest(listed) == digest(mixed)
    assert sorted(s.id for task in planned for s in task.sources) == [s.id for s in listed]
    assert all(s.split == task.split for task in planned for s in task.sources)
    counts = [task.count for task in planned if task.number == 0]
    assert counts == [7, 2]  # 80 in train; 20 in validation: a quarter of 7, rounded up
    assert {len(task.sources) for task in planned} == {10, 11, 12}


def test_a_folder_that_moved_has_the_same_sources(tmp_path):
    files = ["a.mp4", "b/c.mp4"]
    here, there = (made_up.files(tmp_path / name, files) for name in ("here", "there"))
    assert digest(read("folder", here).sources) == digest(read("folder", there).sources)
    (there / "a.mp4").rename(there / "d.mp4")
    assert digest(read("folder", here).sources) != digest(read("folder", there).sources)


def test_without_a_number_a_shard_has_at_most_16_sources():
    assert [len(task.sources) for task in plan(sources(41))] == [11, 11, 11, 8]


def test_more_shards_than_sources_are_as_many_as_sources():
    assert [len(task.sources) for task in plan(sources(3), 99)] == [1, 1, 1]


def test_neighbours_of_the_listing_are_spread():
    first = plan(sources(1000), 2)[0]
    numbers = sorted(int(source.id[-4:]) for source in first.sources)
    assert numbers[0] < 20 and numbers[-1] > 980


def test_a_plan_is_read_back_from_any_line():
    strange = dataclasses.replace(
        sources(1)[0], path="a\udcff\n'é.mp4", face=(0.25, 0.5), box=(1.0, 2.0, 3.0, 4.0), end_s=2.5
    )
    planned = plan([strange, *sources(5)[1:]], 3)
    assert [from_line(line) for line in to_lines(planned)] == planned


@pytest.mark.parametrize(
    "change, told",
    [
        ({"id": "fake-0001"}, "expected an id of its own .* 'fake-0001' for 'good 1"),
        ({"speaker": "speaker-1", "split": "test"}, "'speaker-1' in train .* and in test"),
        ({"split": "dev"}, "found 'dev'"),
    ],
)
def test_what_would_spoil_a_data_set_is_refused(change, told):
    listed = sources(3)
    with pytest.raises(UserError, match=told):
        plan([*listed[:2], dataclasses.replace(listed[2], **change)])


def test_no_sources_are_refused():
    with pytest.raises(UserError, match="found none"):
        plan([])

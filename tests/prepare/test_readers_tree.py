"""What all readers share: one look at a folder, refusals, ids, splits, and tables of emotions."""

import os
import pickle
import random
import re

import pytest

from playmate_jax.data.records import SPLITS
from playmate_jax.errors import UserError
from playmate_jax.motion.layout import EMOTIONS, Emotion
from playmate_jax.prepare import readers
from playmate_jax.prepare.readers import assignment, emotions, tree
from tests.prepare import made_up


def test_files_are_sorted_whatever_the_order_they_were_made_in(tmp_path):
    names = ["b/2.mp4", "a.mp4", "b/10.mp4", "B.mp4"]
    first = tree.scan(made_up.files(tmp_path / "1", names)).files
    assert first == tree.scan(made_up.files(tmp_path / "2", reversed(names))).files
    assert first == sorted(names)


def test_links_are_followed_and_loops_are_not(tmp_path):
    made_up.files(tmp_path / "other", ["x.mp4"])
    root = made_up.files(tmp_path / "root", ["a/1.mp4"])
    (root / "a/up").symlink_to(root)
    (root / "again").symlink_to(root / "a")
    (root / "self").symlink_to(root / "self")
    (root / "linked").symlink_to(tmp_path / "other")
    assert tree.scan(root).files == ["a/1.mp4", "linked/x.mp4"]


def test_what_is_no_file_is_listed_and_never_opened(tmp_path):
    made_up.files(tmp_path, ["a.mp4"])
    os.mkfifo(tmp_path / "pipe.mp4")
    (tmp_path / "gone.mp4").symlink_to(tmp_path / "nowhere.mp4")
    found = tree.scan(tmp_path)
    assert found.files == ["a.mp4"] and {d.id for d in found.dropped} == {"pipe.mp4", "gone.mp4"}


def test_a_name_that_is_no_text_is_listed(tmp_path):
    made_up.files(tmp_path, ["a.mp4"])
    try:
        open(os.fsencode(tmp_path) + b"/\xff.mp4", "wb").close()
    except OSError:
        pytest.skip("this file system takes text alone")
    found = tree.scan(tmp_path)
    assert found.files == ["a.mp4"] and "not valid UTF-8" in found.dropped[0].reason
    found.dropped[0].id.encode()


def test_an_unreadable_folder_is_listed_and_the_rest_is_read(tmp_path, monkeypatch):
    made_up.files(tmp_path, ["a.mp4", "closed/b.mp4"])
    whole = os.scandir

    def scandir(path):
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied")
        return whole(path)

    monkeypatch.setattr(os, "scandir", scandir)
    listing = readers.read("folder", tmp_path)
    assert [s.id for s in listing.sources] == ["a"]
    assert listing.dropped[0].id == "closed" and "Permission denied" in listing.dropped[0].reason


@pytest.mark.parametrize("name", readers.READERS)
def test_a_folder_of_something_else_is_told_what_is_expected(tmp_path, name):
    made_up.text(tmp_path, "readme.txt", "hello")
    with pytest.raises(UserError) as told:
        readers.read(name, tmp_path)
    sentence, *layout = str(told.value).splitlines()
    assert sentence.startswith("expected ") and "found nothing to use among 1 files" in sentence
    assert [line.removeprefix("  - ") for line in layout] == (
        readers.READERS[name].layout.splitlines()
    )


@pytest.mark.parametrize("name", readers.READERS)
def test_an_empty_folder_is_told(tmp_path, name):
    with pytest.raises(UserError):
        readers.read(name, tmp_path)


@pytest.mark.parametrize(
    "root, said",
    [("none", "found nothing at"), ("file", "found the file"), ("bad\0name", "cannot be read")],
)
def test_a_root_that_is_no_folder_is_told(tmp_path, root, said):
    made_up.text(tmp_path, "file", "")
    with pytest.raises(UserError, match=said):
        readers.read("folder", str(tmp_path / root))


@pytest.mark.parametrize(
    "name, options, said",
    [
        ("maed", {}, "found 'maed' .did you mean 'mead'"),
        ("mead", {"fold": 1}, "expected an option of 'mead' .views., found 'fold'"),
        ("hdtf", {"fold": 1}, "expected an option of 'hdtf' .none., found 'fold'"),
        ("folder", {"split": "tst"}, "found 'tst' .did you mean 'test'"),
    ],
)
def test_wrong_names_and_options_are_told(tmp_path, name, options, said):
    made_up.files(tmp_path, ["a.mp4"])
    with pytest.raises(UserError, match=said):
        readers.read(name, tmp_path, **options)


def test_help_tells_every_layout_and_licence():
    told = readers.describe()
    for name, reader in readers.READERS.items():
        assert f"{name}: {reader.title}" in told and reader.licence in told
    assert max(map(len, told.splitlines())) <= 100


def test_listings_are_the_same_from_run_to_run_and_cross_processes(tmp_path):
    made_up.mead(tmp_path)
    first = readers.read("mead", tmp_path)
    assert readers.read("mead", tmp_path) == first == pickle.loads(pickle.dumps(first))
    assert [s.id for s in first.sources] == sorted(s.id for s in first.sources)


def test_ids_are_unique_and_fit_for_a_file_name():
    names = ["a", "a/b", "a--b", "a b", "a-b", "é", "è", "a", ".x", "", "-q", "x" * 400, "x" * 401]
    ids = assignment.identify(names)
    assert len(set(ids)) == len(names)
    for id in ids:
        assert id == id.encode("ascii", "ignore").decode() and 0 < len(id) <= 120
        assert not set(id) & set("/ \\:") and not id.startswith(".")
    assert ids[4] == "a-b" and ids[10] == "-q"  # the name itself, where it will do


def test_an_id_stays_when_other_files_come():
    names = ["anna/take 1", "ben", "é"]
    assert assignment.identify(names) == assignment.identify([*names, "ö", "carl"])[:3]


def test_no_speaker_is_in_two_splits_and_shares_are_near_90_5_5(tmp_path):
    speakers = [f"speaker {i}" for i in range(5000)]
    found = assignment.assign("mead", speakers, {})
    assert found.keys() == set(speakers)
    counts = {split: list(found.values()).count(split) for split in SPLITS}
    # Binomial: 250 +- 15.4; five deviations.
    assert abs(counts["validation"] - 250) < 77 and abs(counts["test"] - 250) < 77


def test_a_speaker_stays_in_his_split_when_others_come():
    few = [f"s{i}" for i in range(assignment.FEW)]
    before, after = assignment.assign("x", few, {}), assignment.assign("x", [*few, "new"], {})
    assert before == {speaker: after[speaker] for speaker in few}


@pytest.mark.parametrize(
    "speaker, split", [("M003", "train"), ("M025", "validation"), ("M032", "test")]
)
def test_places_by_hash_are_the_same_on_every_machine(speaker, split):
    """By `printf mead/M003 | sha256sum`: 8ec3, 117c and 06f4; 5 % end at 0ccc, 10 % at 1999."""
    assert assignment.by_hash("mead", speaker) == split


def test_other_data_sets_place_the_same_name_anew():
    speakers = [f"s{i}" for i in range(200)]
    assert assignment.assign("a", speakers, {}) != assignment.assign("b", speakers, {})


def test_few_speakers_all_train():
    speakers = [f"s{i}" for i in range(assignment.FEW - 1)]
    assert set(assignment.assign("folder", speakers, {}).values()) == {"train"}


def test_published_splits_are_kept_and_get_nobody_by_hash():
    speakers = [f"s{i}" for i in range(500)]
    official = {"s1": "test", "elsewhere": "test"}
    found = assignment.assign("x", speakers, official)
    assert [s for s in speakers if found[s] == "test"] == ["s1"]
    assert "validation" in found.values() and "elsewhere" not in found


def test_emotions_are_one_list_in_the_order_of_the_weights():
    """The shipped controller was trained with this order."""
    assert EMOTIONS == (
        "neutral", "angry", "disgusted", "contempt", "fear", "happy", "sad", "surprised"
    )  # fmt: skip
    assert [EMOTIONS[e] for e in Emotion] == list(EMOTIONS)


@pytest.mark.parametrize(
    "order, names",
    [
        (emotions.MEAD_INDICES, "angry disgust contempt fear happy sad surprised neutral"),
        (emotions.EMOTIEFFLIB, "anger contempt disgust fear happiness neutral sadness surprise"),
        (emotions.DITTO, "angry disgust fear happy neutral sad surprise contempt"),
    ],
)
def test_orders_of_others_hold_each_emotion_once(order, names):
    assert sorted(order) == list(Emotion)
    words = {**emotions.CELEBV_TEXT, **emotions.MEAD_FOLDERS}
    assert [words[name] for name in names.split()] == list(order)


def test_mafw_has_eleven_emotions_of_which_three_have_no_class():
    assert len(emotions.MAFW) == 11
    assert [name for name, emotion in emotions.MAFW.items() if emotion is None] == [
        "anxiety", "helplessness", "disappointment"
    ]  # fmt: skip
    assert set(emotions.MAFW.values()) - {None} == set(Emotion)
    assert set(emotions.MEAD_FOLDERS.values()) == set(Emotion)


def made_up_set(name: str, root) -> list:
    """A small data set of every kind, and its tables."""
    video = "HRLcWZinlIE"
    if name == "avspeech":
        made_up.avspeech(root, f"{video},1,5,0.5,0.5\n" * 3, f"{video},5,9,0,1\n")
    elif name == "celebv-text":
        made_up.celebv_text(root, {"clips": {f"{video}_0": made_up.celebv_clip(video)}}, [])
    elif name == "acappella":
        made_up.acappella(root, [(video, "0.31", "3.2", "Ann", "Hindi")], [], ["x"])
    elif name == "mafw":
        made_up.mafw(root, {"00001": "fear"}, {"00002": "fear_anger"}, ["00001", "00002"])
    elif name == "hdtf":
        made_up.hdtf(root, ["Radio11.mp4"])
    else:
        rows = "a.mp4,happy,0.5,ann,Hindi,test,1,5\n"
        made_up.text(
            root, "labels.csv", f"file,emotion,intensity,speaker,language,split,start,end\n{rows}"
        )
        made_up.files(root, ["a.mp4"])
    made_up.files(root, [f"{video}.mp4"])
    return [path for path in root.rglob("*") if path.suffix in (".csv", ".json", ".txt")]


@pytest.mark.parametrize("name", [name for name in readers.READERS if name != "mead"])
def test_broken_tables_are_read_as_far_as_they_go_or_told(tmp_path, name):
    """60 mutations of each table: cut, bytes flipped, lines twice, huge numbers, wrong bytes."""
    rng = random.Random(0)
    for table in made_up_set(name, tmp_path):
        good = table.read_bytes()
        for _ in range(60):
            at = rng.randrange(len(good))
            table.write_bytes(
                rng.choice(
                    (
                        good[:at],
                        good[:at] + bytes([rng.randrange(256)]) + good[at + 1 :],
                        good[:at] + rng.randbytes(rng.randrange(9)) + good[at:],
                        good + good[at:],
                        re.sub(rb"\d+", b"9" * rng.choice((1, 400, 5000)), good),
                        re.sub(rb"\d+", rng.choice((b"-1", b"nan", b"1e999", b"")), good),
                    )
                )
            )
            try:
                assert readers.read(name, tmp_path).sources
            except UserError as told:
                assert str(told).startswith("expected ")
        table.write_bytes(good)

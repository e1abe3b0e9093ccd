"""Which videos belong together, and one clear sentence where they do not."""

import pytest

from playmate_jax.errors import UserError
from playmate_jax.metrics.videos.pairs import find_systems, read_labels, videos_in
from playmate_jax.motion.layout import Emotion


@pytest.fixture
def folders(tmp_path):
    """Names of files by folder -> empty files."""

    def make(**contents):
        for folder, names in contents.items():
            (tmp_path / folder).mkdir()
            for name in names.split():
                (tmp_path / folder / name).write_bytes(b"")
        return tmp_path

    return make


def test_pairs_have_the_same_name_without_suffix(folders):
    home = folders(
        real="a.mp4 b.MOV c.webm notes.txt .hidden.mp4", x="b.mp4 a.mkv z.mp4", y="c.mp4"
    )
    systems, references = find_systems(
        [f"ours={home}/x", str(home / "y")], videos_in(home / "real")
    )
    assert [system.name for system in systems] == ["ours", "y"]
    assert list(systems[0].videos) == ["a", "b"] and systems[0].alone == ["z"]
    assert [path.name for path in references.values()] == ["a.mp4", "b.MOV", "c.webm"]
    systems, references = find_systems([f"{home}/x"], videos_in(home / "real"), clips=1)
    assert list(systems[0].videos) == list(references) == ["a"]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["nowhere"], "found no folder 'nowhere'"),
        (["{home}/empty"], "expected videos .* found none"),
        (["{home}/other"], "'aa' is not there .did you mean 'a'.*the same name"),
        (["{home}/twice"], "one video of each name .* 'a.mkv' and 'a.mp4'"),
        (["x={home}/good", "x={home}/good"], "a name of its own"),
        (["reference={home}/good"], "not 'reference'"),
        (["a/b={home}/good"], "a plain name"),
        ([".={home}/good"], "a plain name"),
    ],
)
def test_what_has_no_pairs_is_refused(folders, given, told):
    home = folders(real="a.mp4", empty="x.txt", other="aa.mp4", twice="a.mp4 a.mkv", good="a.mp4")
    with pytest.raises(UserError, match=told):
        find_systems([text.format(home=home) for text in given], videos_in(home / "real"))


def test_labels_are_read_by_their_columns(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text("level,clip,emotion\n3,a b,Happy\n1,c,neutral\n", "utf-8")
    assert read_labels(path) == {"a b": Emotion.HAPPY, "c": Emotion.NEUTRAL}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("clip,emotion\na,hapy\n", "did you mean 'happy'"),
        ("name,emotion\na,happy\n", "the columns 'clip' and 'emotion'"),
        ("clip,emotion\n", "a row for every clip"),
        (None, "expected labels"),
    ],
)
def test_other_labels_are_refused(tmp_path, text, told):
    path = tmp_path / "labels.csv"
    if text is not None:
        path.write_text(text, "utf-8")
    with pytest.raises(UserError, match=told):
        read_labels(path)

"""Weights from several places, saved as one folder, and read back from it or from the hub."""

import json
import shutil
from functools import partial

import numpy as np
import pytest

from playmate_jax.errors import UserError
from playmate_jax.hub import bundles, download
from playmate_jax.hub.model_card import markdown
from playmate_jax.hub.published import PUBLISHED
from playmate_jax.hub.sharing import save_bundle
from playmate_jax.inference import Animator
from playmate_jax.inference.motion_files import MotionClip, write_motion
from tests.hub.hub_server import COMMIT


@pytest.fixture
def cached(tiny_weights, tmp_path, monkeypatch):
    """The tiny renderer and generator as if fetched, as "liveportrait" and "joyvasa"."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for part, name in (("renderer", "liveportrait"), ("generator", "joyvasa")):
        shutil.copytree(tiny_weights / part, bundles.cache_directory() / name)
    return bundles.cache_directory()


def test_renderer_and_generator_come_from_two_names(cached):
    parts = bundles.find_parts("liveportrait", "joyvasa")
    assert parts == {"renderer": cached / "liveportrait", "generator": cached / "joyvasa"}


def test_a_given_generator_replaces_the_one_beside_the_renderer(cached, tiny_weights):
    parts = bundles.find_parts(tiny_weights, "joyvasa")
    assert parts == {"renderer": tiny_weights / "renderer", "generator": cached / "joyvasa"}


def test_a_generators_speech_encoder_comes_with_it(cached, tiny_weights, tmp_path):
    mine = tmp_path / "mine"
    shutil.copytree(tiny_weights, mine)
    shutil.copytree(tiny_weights / "renderer", mine / "speech")
    assert bundles.find_parts("liveportrait", mine)["speech"] == mine / "speech"
    assert bundles.speech_directory("hubert", mine / "generator") == mine / "speech"
    with pytest.raises(UserError, match="playmate weights get hubert"):
        bundles.speech_directory("hubert", cached / "joyvasa")
    shutil.copytree(tiny_weights / "renderer", cached / "hubert")
    assert bundles.speech_directory("hubert", cached / "joyvasa") == cached / "hubert"

    config = cached / "joyvasa" / "config.json"  # so that `save` takes it along
    config.write_text(json.dumps(json.loads(config.read_text()) | {"speech": "hubert/9"}))
    assert bundles.find_parts("liveportrait", "joyvasa")["speech"] == cached / "hubert"


@pytest.mark.parametrize(
    ("weights", "generator", "message"),
    [
        ("joyvasa", None, "a renderer"),
        ("liveportrait", "liveportrait", "motion generator"),
        ("liveportrait", "hubert", "playmate weights get hubert"),
        ("insightface", None, "non-commercial"),
        ("livportrait", None, "did you mean 'liveportrait'"),
    ],
)
def test_what_is_missing_is_reported_with_what_to_do(cached, weights, generator, message):
    with pytest.raises(UserError, match=message):
        bundles.find_parts(weights, generator)


def test_a_renderer_alone_reenacts_and_says_what_speech_needs(cached, tmp_path):
    animator = Animator.from_weights("liveportrait")
    portrait = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    write_motion(tmp_path / "m.npz", MotionClip(np.full((3, 70), 0.5, np.float32), 25.0))
    made = animator.reenact(portrait, tmp_path / "m.npz", crop=False)
    assert len(list(made)) == 3 and list(made.facts["weights"]) == ["renderer"]
    message = "playmate weights get joyvasa' and '--generator joyvasa"
    with pytest.raises(UserError, match=message):
        animator.animate(portrait, np.zeros(3000, np.float32), crop=False)


def test_every_published_name_comes_with_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for name in PUBLISHED:
        with pytest.raises(UserError, match=f"playmate weights get {name}"):
            bundles.find_bundle(name)


def test_saved_weights_are_the_same_and_explain_themselves(cached, tmp_path):
    animator = Animator.from_weights("liveportrait", "joyvasa")
    saved = animator.save(tmp_path / "my set")
    for part, name in (("renderer", "liveportrait"), ("generator", "joyvasa")):
        for file in bundles.WEIGHTS_FILES:
            assert (saved / part / file).read_bytes() == (cached / name / file).read_bytes()
    assert "# my set" in (saved / "README.md").read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cache", "my set"]
    assert bundles.find_parts(saved) == {
        "renderer": saved / "renderer",
        "generator": saved / "generator",
    }


def test_a_taken_place_is_left_alone(cached, tmp_path):
    place = tmp_path / "taken"
    place.mkdir()
    (place / "thesis.txt").write_text("mine")
    with pytest.raises(UserError, match="choose another name"):
        save_bundle(place, bundles.find_parts("liveportrait", "joyvasa"))
    assert [path.name for path in place.iterdir()] == ["thesis.txt"]


def test_a_hub_id_is_a_place_of_weights(hub, tiny_weights, monkeypatch):
    monkeypatch.setattr(download, "fetch_bundle", partial(download.fetch_bundle, endpoint=hub.url))
    hub.repositories["me/mine"] = {
        str(path.relative_to(tiny_weights)): path.read_bytes()
        for path in tiny_weights.rglob("*")
        if path.is_file()
    } | {"evil.py": b"print()", "renderer/old.bin": b"a pickle"}
    parts = bundles.find_parts("me/mine@main")
    assert (parts["renderer"] / "config.json").is_file() and set(parts) == {"renderer", "generator"}
    assert not [p for _, p, _ in hub.asked if p.endswith((".py", ".bin"))]
    hub.asked.clear()
    import huggingface_hub.constants

    with monkeypatch.context() as patch:
        patch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
        assert bundles.find_parts(f"me/mine@{COMMIT}") == parts
    assert hub.asked == []
    hub.repositories["me/none"] = {"pytorch_model.bin": b""}
    with pytest.raises(UserError, match="this project's layout"):
        bundles.find_parts("me/none")


def test_a_folder_goes_before_a_repository_of_the_same_name(tiny_weights, tmp_path, monkeypatch):
    shutil.copytree(tiny_weights, tmp_path / "runs" / "mine")
    monkeypatch.chdir(tmp_path)
    assert str(bundles.find_parts("runs/mine")["renderer"]) == "runs/mine/renderer"


CARD = {
    "name": "x", "title": "a | b", "domain": "photographs", "licence": "MIT", "parameters": 12345,
    "source": "https://example.org/x", "revision": "abc", "source_sha256": {"w.pth": "00ff"},
    "training": {"steps": 7, "rates": [["/head/", 0.5]]}, "measured": {"lips": {"jaw": 0.9}},
    "counters": {"spade": {"n": 3}}, "note": "<script>alert(1)</script>\x1b[2J",
}  # fmt: skip


def test_a_page_says_everything_that_the_card_says():
    page = markdown({"renderer": CARD}, "mine")
    for row in (
        "| `renderer/` | a \\| b | photographs of people | 12,345 | MIT |",
        "| source | https://example.org/x |",
        "| `w.pth` | `00ff` |",
        "| `training.steps` | 7 |",
        "| `training.rates.0` | /head/, 0.5 |",
        "| `lips.jaw` | 0.9 |",
        "| `counters.spade.n` | 3 |",
        "--weights mine --generator joyvasa",
    ):
        assert row in page, row
    assert "<script>" not in page and "\x1b" not in page


def test_a_page_names_one_licence_only_if_there_is_one():
    both = {"renderer": CARD, "generator": {**CARD, "licence": "Apache-2.0"}}
    assert markdown({"renderer": CARD}, "m").startswith("---\nlicense: mit\n")
    assert markdown(both, "m").startswith("---\nlicense: other\n")
    assert markdown({"renderer": {}}, "m").startswith("---\nlicense: other\n")


def test_paths_are_not_taken_for_repositories():
    for text in ("./mine", "../mine", "/tmp/mine", "mine", "a/b/c", "~/mine"):
        assert download.split_id(text) is None, text
    assert download.split_id("me/mine-1.0@v2") == ("me/mine-1.0", "v2")


def test_speech_encoders_are_distinguished_from_generators_by_kind(tmp_path):
    for kind, part in (("renderer", "renderer"), ("joyvasa", "generator"), ("hubert", "speech")):
        (tmp_path / "config.json").write_text(json.dumps({"kind": kind}))
        assert bundles.part_of(tmp_path) == part
    (tmp_path / "config.json").write_bytes(np.random.default_rng(0).bytes(20))
    with pytest.raises(UserError, match="damaged"):
        bundles.part_of(tmp_path)

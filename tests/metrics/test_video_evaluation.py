"""The whole evaluation on short videos and tiny networks: laws, bad clips, and going on."""

import dataclasses
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from playmate_jax.configuration import to_values
from playmate_jax.errors import UserError
from playmate_jax.hub.weights import save_weights
from playmate_jax.metrics.videos import one_video, report
from playmate_jax.metrics.videos.evaluation import Evaluation
from playmate_jax.metrics.videos.networks import MODULES, find_networks, load_network
from playmate_jax.metrics.videos.protocol import PROTOCOLS, Protocol
from playmate_jax.metrics.videos.request import Request
from playmate_jax.models.efficientnet import EfficientNetConfig
from playmate_jax.models.i3d import I3DConfig
from playmate_jax.models.inception import InceptionConfig
from playmate_jax.models.iresnet import IResNetConfig
from playmate_jax.models.lpips import LPIPSConfig
from playmate_jax.models.syncnet import SyncNetConfig, shapes
from playmate_jax.motion.layout import Emotion
from tests.metrics.made_up_videos import (
    PatchFaces,
    frames_of,
    opening_and_sound,
    write_clip,
)

TINY = {
    "fid-inception": InceptionConfig(("Mixed_5b",), divisor=16),
    "i3d": I3DConfig((4, 4, 6), ((4, 3, 4, 2, 3, 2),) * 2, 5),
    "arcface": IResNetConfig((1, 1), (4, 8), 6, image_size=12),
    "lpips": LPIPSConfig("alex", (4, 6, 8, 6, 4)),
    "emotion-efficientnet": EfficientNetConfig(4, (1, 1), (4, 4), 8, image_size=32),
}
SYNCNET = SyncNetConfig((2, 4, 4, 4, 4, 8), (3, 4, 4, 4, 4, 8), 6, 12, image_size=64)
PEOPLE = 3


def random_tree(tree, seed=0):
    """Weights that keep activations of order one; the heads of LPIPS are not negative."""
    rng = np.random.default_rng(seed)

    def draw(leaf):
        if len(leaf.shape) < 2:
            return rng.uniform(0.5, 1.5, leaf.shape).astype(np.float32)
        drawn = rng.normal(0, np.sqrt(1.5 / np.prod(leaf.shape[:-1])), leaf.shape)
        return (np.abs(drawn) if leaf.shape[-1] == 1 else drawn).astype(np.float32)

    return jax.tree.map(draw, tree)


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    """A folder of tiny networks, as `playmate convert` would write it."""
    home = tmp_path_factory.mktemp("networks")
    for kind, config in TINY.items():
        _, module, sizes = MODULES[kind]
        sizes = sizes or ((1, config.image_size, config.image_size, 3),)
        inputs = [jax.ShapeDtypeStruct(size, jnp.float32) for size in sizes]
        tree = jax.eval_shape(module(config).init, jax.random.key(0), *inputs)
        save_weights(home / kind, {"kind": kind, **to_values(config)}, random_tree(tree), {})
    values = {"kind": "syncnet", **to_values(SYNCNET)}
    save_weights(home / "any name", values, random_tree(shapes(SYNCNET)), {})
    return home


@pytest.fixture(scope="module", autouse=True)
def small():
    """A protocol that is small enough for tests."""
    PROTOCOLS["tiny"] = Protocol(size=64, every=20, fvd_frames=9, fvd_size=36)
    yield
    del PROTOCOLS["tiny"]


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """Real videos, exact copies of them, and videos of other lips with noise."""
    home = tmp_path_factory.mktemp("videos ü")
    for seed in range(PEOPLE):
        said, sound = opening_and_sound(seed)
        true = frames_of(said, seed)
        write_clip(home / "real" / f"person {seed}.mp4", true, sound)
        (home / "copy").mkdir(exist_ok=True)
        copy = home / "copy" / f"person {seed}.mp4"
        copy.write_bytes((home / "real" / f"person {seed}.mp4").read_bytes())
        other, _ = opening_and_sound(seed + 10)
        noise = np.random.default_rng(seed).integers(0, 40, true.shape, dtype=np.uint8)
        noise[:, :8, :8] = noise[:, 48:56] = 0
        made = np.minimum(frames_of(other, seed).astype(int) + noise, 255).astype(np.uint8)
        write_clip(home / "noisy" / f"person {seed}.mp4", made, sound)
    return home


@pytest.fixture(scope="module")
def evaluated(videos, networks, tmp_path_factory):
    """Both systems with everything; the request and what was found."""
    labels = {f"person {seed}": Emotion.HAPPY for seed in range(PEOPLE)}
    out = tmp_path_factory.mktemp("out") / "results"
    given = [f"copy={videos / 'copy'}", f"noisy={videos / 'noisy'}"]
    request = Request(
        given, videos / "real", out, protocol="tiny", networks=[str(networks)], labels=labels
    )
    report.check_place(out)
    evaluation = Evaluation(request)
    found = evaluation.run(PatchFaces())
    report.write(evaluation, found)
    return request, found


def value(found, system, key):
    return found["systems"][system]["scores"][key]["value"]


def test_a_copy_is_perfect_by_every_measure(evaluated):
    _, found = evaluated
    assert found["left_out"] == [] and found["faults"] == []
    assert value(found, "copy", "psnr") == float("inf")
    assert value(found, "copy", "ssim") == pytest.approx(1, abs=1e-9)
    for key in ("landmark_distance", "mouth_distance", "lpips", "fid", "fvd"):
        assert value(found, "copy", key) == pytest.approx(0, abs=1e-6), key
    assert value(found, "copy", "csim") == pytest.approx(1, abs=1e-6)
    own = found["of_reference"]["scores"]
    for key in ("sync_c", "jaw_sync", "head_motion", "emo_a"):
        assert value(found, "copy", key) == own[key]["value"]
    assert "psnr" not in own and "fid" not in own


def test_other_lips_with_noise_are_worse_by_every_measure(evaluated):
    _, found = evaluated
    assert 15 < value(found, "noisy", "psnr") < 40
    assert value(found, "noisy", "ssim") < 0.98
    for key in ("mouth_distance", "lpips", "fid", "fvd"):
        assert value(found, "noisy", key) > 1e-6, key
    # both rest in the same pauses
    assert value(found, "noisy", "jaw_sync") < value(found, "copy", "jaw_sync") - 0.05


def test_the_report_says_what_was_done_and_how_sure_it_is(evaluated):
    request, found = evaluated
    told = json.loads((request.out / "report.json").read_text("utf-8"))
    assert told["protocol"] == {"name": "tiny"} | to_values(PROTOCOLS["tiny"])
    noisy = told["systems"]["noisy"]["scores"]
    assert noisy["psnr"]["clips"] == PEOPLE and noisy["psnr"]["low"] < noisy["psnr"]["high"]
    assert noisy["fid"]["samples"] == PEOPLE * 3 and noisy["fvd"]["samples"] == PEOPLE * 6
    assert told["systems"]["copy"]["scores"]["psnr"]["value"] == "inf"
    assert set(told["networks"]) == {*TINY, "syncnet"}
    assert any("FID of 9 images" in sentence for sentence in told["remarks"])
    assert len(told["systems"]["noisy"]["by_clip"]) == PEOPLE
    text = (request.out / "report.md").read_text("utf-8")
    assert "| HDTF (paper) | Playmate | 19.138 | 231.048 | 8.580 | 6.985 | 0.848 | 0.099 |" in text
    page = (request.out / "report.html").read_text("utf-8")
    assert "person%200" in page and "happy" in page and "Undefined" not in page
    assert (request.out / "strips" / "noisy" / "person 0.jpg").read_bytes()[:2] == b"\xff\xd8"


def test_going_on_measures_nothing_twice_and_finds_the_same(evaluated, monkeypatch):
    request, found = evaluated
    opened = []
    whole = one_video.Video
    monkeypatch.setattr(one_video, "Video", lambda *a: opened.append(a[0].name) or whole(*a))
    again = Evaluation(request).run(PatchFaces())
    assert opened == []
    assert report.plain_values(again) == report.plain_values(found)
    (request.out / "measured" / "noisy" / "person 1.npz").write_bytes(b"cut short")
    fewer = dataclasses.replace(request, metrics=["psnr", "jaw"], networks=[])
    again = Evaluation(fewer).run(PatchFaces())
    assert opened == ["person 1.mp4"]
    for key in ("psnr", "jaw_sync"):
        assert value(again, "noisy", key) == value(found, "noisy", key)


def test_a_bad_clip_costs_no_other_one_its_scores(videos, tmp_path):
    folder, real = tmp_path / "made", tmp_path / "real"
    for name in ("person 0", "person 1"):
        for place, source in ((folder, "noisy"), (real, "real")):
            place.mkdir(exist_ok=True)
            (place / f"{name}.mp4").write_bytes((videos / source / f"{name}.mp4").read_bytes())
    said, sound = opening_and_sound(5)
    write_clip(real / "faceless.mp4", frames_of(said, 5), sound)
    write_clip(folder / "faceless.mp4", frames_of(said, 5, marked=False), sound)
    write_clip(real / "mute.mp4", frames_of(said, 6), sound)
    write_clip(folder / "mute.mp4", frames_of(said, 6)[:30].repeat(2, 1).repeat(2, 2), fps=30)
    write_clip(real / "broken.mp4", frames_of(said, 7), sound)
    (folder / "broken.mp4").write_bytes(b"no video at all")
    metrics = ["psnr", "landmarks", "jaw", "blinks"]
    request = Request([str(folder)], real, tmp_path / "out", metrics, "tiny", baseline=True)
    evaluation = Evaluation(request)
    found = evaluation.run(PatchFaces())
    report.write(evaluation, found)
    faults = {(f["clip"], f["sentence"].split(" in ")[0]) for f in found["faults"]}
    assert ("faceless", "expected a human face, found none") in faults
    assert ("mute", "expected a video with sound, found none") in faults
    assert {clip for clip, _ in faults} == {"faceless", "mute", "broken"}
    assert {fault["system"] for fault in found["faults"]} == {"made"}
    scores = found["systems"]["made"]["scores"]
    assert scores["psnr"]["clips"] + scores["psnr"].get("infinite", 0) == 4  # all but broken
    assert scores["landmark_distance"]["clips"] == 3
    assert scores["jaw_sync"]["clips"] == 2 and scores["blinks"]["clips"] == 2  # mute is short
    still = found["systems"]["first frame"]
    assert still["clips"] == 5 and abs(still["scores"]["jaw_sync"]["value"]) < 0.1
    lists = tmp_path / "out" / "theval"
    assert len((lists / "first frame.txt").read_text().splitlines()) == 5
    assert str(folder / "mute.mp4") in (lists / "made.txt").read_text().splitlines()
    assert len((lists / "clips.csv").read_text().splitlines()) == 1 + 4 + 5
    told = " ".join(found["remarks"])
    assert "frame rates differ in 1 of 4 videos ('mute': 30 and 25 fps)" in told
    fewer = dataclasses.replace(request, metrics=["psnr"], baseline=False)
    again = Evaluation(fewer).run(None)  # no face is looked for, and earlier faults are not told
    assert {fault["clip"] for fault in again["faults"]} == {"broken"}
    assert "lengths differ" in told and "sizes differ" in told and "128x128 and 64x64" in told


def test_only_bad_clips_are_refused(videos, tmp_path):
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "person 0.mp4").write_bytes(b"no video")
    request = Request([str(tmp_path / "made")], videos / "real", tmp_path / "out", ["psnr"], "tiny")
    with pytest.raises(UserError, match="expected a clip that can be measured, found none: .*"):
        Evaluation(request).run(PatchFaces())


def test_networks_are_found_by_what_they_are(networks, tmp_path):
    found = find_networks([networks], "alex")
    assert found.keys() == {*TINY, "syncnet", "demo-syncnet", "demo-emotion"}  # the last two ship
    assert found["syncnet"].name == "any name"
    assert "lpips" not in find_networks([networks], "vgg")
    with pytest.raises(UserError, match="expected weights of networks in .* found none"):
        find_networks([tmp_path], "alex")
    values = {"kind": "lpips", **to_values(LPIPSConfig("alex", (5, 6, 8, 6, 4)))}
    save_weights(tmp_path / "other", values, load_network("lpips", found["lpips"]).variables, {})
    with pytest.raises(UserError, match="do not fit the model"):
        load_network("lpips", tmp_path / "other")

"""Every option arrives where it works; nothing is computed here."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from playmate_jax.cli import run
from playmate_jax.errors import UserError
from playmate_jax.inference import Animator
from playmate_jax.training import experiment
from playmate_jax.training.loop import Trained


@pytest.fixture
def asked(monkeypatch):
    """What the command asks of the `Animator`, by argument."""
    found = {}

    def animate(portrait, speech, **options):
        found.update(options, portrait=portrait, speech=speech)
        raise UserError("enough")

    def from_weights(weights, **options):
        found.update(options, weights=weights)
        return SimpleNamespace(animate=animate)

    monkeypatch.setattr(Animator, "from_weights", from_weights)
    return found


@pytest.fixture
def files(tmp_path):
    for name in ("p.png", "s.wav", "head.mp4"):
        (tmp_path / name).write_bytes(b"x")
    return [str(tmp_path / "p.png"), str(tmp_path / "s.wav"), "-o", str(tmp_path / "o.mp4")]


def test_the_options_of_animate_reach_the_animator(asked, files):
    driving = str(Path(files[0]).with_name("head.mp4"))
    options = (
        f"--driving {driving} --pose absolute --head-motion 0.5 --gaze=-0.5,0.25 --audio-scale 2 "
        "--emotion-scale 3 --sampler dpm++ --steps 12 --seed 7 --face 2 --no-paste --max-side 900 "
        "--weights w --batch 4 --generator g --face-models m --emotion happy=0.5 "
        "--renderer-form folded"
    )
    assert run(["animate", *files, *options.split()]) == 2
    assert asked.pop("emotion").describe() == "happy=0.5"
    assert asked.pop("progress") is not None
    assert asked == dict(
        portrait=Path(files[0]), speech=Path(files[1]), driving=driving, pose="absolute",
        head_motion=0.5, gaze=(-0.5, 0.25), audio_scale=2.0, emotion_scale=3.0,
        sampler="dpm++", steps=12, seed=7, face=2, face_box=None, crop=True, paste=False,
        max_side=900, weights="w",
        generator="g", batch=4, face_models="m", renderer_form="folded",
    )  # fmt: skip


def test_without_options_sampling_is_the_generators_own_and_no_emotion_is_asked_for(asked, files):
    assert run(["animate", *files]) == 2
    own = ("audio_scale", "emotion_scale", "sampler", "steps")
    assert [asked[name] for name in own] == [None] * 4
    assert asked["emotion"] is None and asked["driving"] is None and asked["seed"] == 0
    assert asked["renderer_form"] == "auto"
    assert run(["animate", *files, "--no-crop"]) == 2
    assert asked["crop"] is False
    assert run(["animate", *files, "--face-box", "10,20,300"]) == 2
    assert asked["face_box"] == (10, 20, 300) and asked["max_side"] is None


@pytest.fixture
def trained(monkeypatch):
    """What `playmate train` asks for; the run ends as `trained.interrupted` says."""
    found = SimpleNamespace(interrupted=False, asked=None)

    def run_it(self, **options):
        found.asked, found.devices, found.options = self, self.devices, options
        weights = self.workdir / "weights"
        weights.mkdir(parents=True, exist_ok=True)
        (weights / "card.json").write_text("{}")
        return Trained(None, 3, found.interrupted)

    monkeypatch.setattr(experiment.Experiment, "run", run_it)
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", "unused")
    return found


def test_train_overrides_fields_and_exports(trained, tmp_path):
    options = "--steps 9 --set seed=4 --set optimizer.learning_rate=1e-4".split()
    workdir, target = tmp_path / "run", tmp_path / "out" / "weights"
    assert run(["train", "c.py", "--workdir", str(workdir), *options, "--export", str(target)]) == 0
    assert (trained.asked.path, trained.asked.workdir) == ("c.py", workdir)
    wanted = {"seed": "4", "optimizer.learning_rate": "1e-4", "steps": 9}
    assert trained.asked.overrides == wanted
    assert trained.devices == experiment.Devices("mesh", 1, 1)
    assert trained.options == {"profile": None, "wandb": None}
    assert (target / "card.json").read_text() == "{}"


def test_train_takes_devices_and_a_profile(trained, tmp_path, capsys):
    options = "--parallel pmap --accumulate 4 --profile 20:25 --wandb mine".split()
    assert run(["train", "c.py", "--workdir", str(tmp_path / "run"), *options]) == 0
    assert trained.devices == experiment.Devices("pmap", 1, 4)
    assert trained.options == {"profile": (20, 25), "wandb": "mine"}
    assert run(["train", "c.py", "--workdir", str(tmp_path), "--profile", "25:20"]) == 2
    assert "expected two steps such as 20:25, found '25:20'" in capsys.readouterr().err


def test_stopped_training_ends_a_script_of_several_stages(trained, tmp_path, capsys):
    trained.interrupted = True
    options = ["--workdir", str(tmp_path / "run"), "--export", str(tmp_path / "out")]
    assert run(["train", "c.py", *options]) == 130
    assert "resumes from here" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_an_override_without_a_value_is_refused(trained, capsys, tmp_path):
    assert run(["train", "c.py", "--workdir", str(tmp_path), "--set", "seed"]) == 2
    assert "FIELD=VALUE" in capsys.readouterr().err

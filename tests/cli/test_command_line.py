"""`playmate animate` as a user meets it; `run` is the command without a new process."""

import json
import os
import subprocess
import sys
import time

import pytest

from playmate_jax import cli
from playmate_jax.cli import run
from playmate_jax.inference import Animator
from playmate_jax.media import open_video


@pytest.fixture(autouse=True)
def tiny(animator, monkeypatch):
    monkeypatch.setattr(Animator, "from_weights", lambda *args, **options: animator)


def _animate(folder, *options):
    return run(["animate", str(folder / "portrait.png"), str(folder / "speech.wav"), *options])


def test_json_tells_what_was_made_and_nothing_else(inputs, capsys):
    code = _animate(inputs, "-o", str(inputs / "o.mp4"), "--json", "--emotion", "sad=0.5")
    out, err = capsys.readouterr()
    facts = json.loads(out)
    assert code == 0
    assert facts["frames"] == 10 and facts["fps"] == 25 and facts["seconds"] == 0.4
    assert facts["output"] == str(inputs / "o.mp4") and facts["seed"] == 0
    assert facts["weights"] == {"renderer": "random", "generator": "random"}
    assert facts["renderer_form"] == "plain"  # so small that folding would not be worth it
    assert facts["emotion"] == "sad=0.5" and facts["faces_found"] == 1
    assert {"load", "read", "look", "generate", "render", "total"} <= set(facts["wall_seconds"])
    assert "frames/s" in err


def test_quiet_says_nothing_on_standard_error(inputs, capsys):
    assert _animate(inputs, "-o", str(inputs / "o.mp4"), "--quiet") == 0
    out, err = capsys.readouterr()
    assert err == "" and "10 frames" in out


def test_the_domain_of_the_weights_is_said(inputs, capsys):
    assert _animate(inputs, "-o", str(inputs / "o.mp4")) == 0
    assert "trained on synthetic faces only" in capsys.readouterr().err


def test_without_arguments_the_bundled_inputs_are_used_again_and_again(
    inputs, monkeypatch, capsys, portrait_pixels, speech_samples
):
    from playmate_jax.cli import animate

    monkeypatch.setattr(animate, "PORTRAIT", inputs / "portrait.png")
    monkeypatch.setattr(animate, "SPEECH", inputs / "speech.wav")
    monkeypatch.chdir(inputs)
    for _ in range(2):
        assert run(["animate"]) == 0
        out, err = capsys.readouterr()
        assert str(inputs / "playmate-demo.mp4") in out and " s" in out
        assert "synthetic faces" not in err  # the bundled portrait is a drawing
    assert open_video(inputs / "playmate-demo.mp4").fps == 25
    (inputs / "mine.mp4").write_bytes(b"precious")
    assert run(["animate", "-o", "mine.mp4"]) == 2
    assert (inputs / "mine.mp4").read_bytes() == b"precious"


def test_another_bundled_portrait_is_asked_for_by_name(inputs, monkeypatch, capsys):
    from playmate_jax.cli import animate

    monkeypatch.setattr(animate, "OTHERS", {"cartoon": inputs / "portrait.png"})
    monkeypatch.setattr(animate, "SPEECH", inputs / "speech.wav")
    monkeypatch.chdir(inputs)
    assert run(["animate", "--example", "cartoon"]) == 0
    assert open_video(inputs / "playmate-demo.mp4").fps == 25
    capsys.readouterr()
    assert _animate(inputs, "--example", "cartoon") == 2
    assert "leave one of them out" in capsys.readouterr().err


def test_the_default_name_comes_from_the_inputs(inputs, monkeypatch):
    monkeypatch.chdir(inputs)
    assert run(["animate", "portrait.png", "speech.wav"]) == 0
    assert (inputs / "portrait-speech.mp4").exists()


def test_the_same_seed_gives_an_identical_file(inputs):
    for name, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        motion = str(inputs / f"{name}.npz")
        options = ["-o", str(inputs / f"{name}.mp4"), "--seed", seed, "--save-motion", motion]
        assert _animate(inputs, *options) == 0
    read = lambda name: (inputs / name).read_bytes()  # noqa: E731
    assert read("a.mp4") == read("b.mp4")
    assert read("a.npz") == read("b.npz") and read("a.npz") != read("c.npz")


def test_another_process_writes_the_identical_file(inputs, tiny_weights):
    names = [str(inputs / name) for name in ("portrait.png", "speech.wav")]
    for out, hash_seed in (("a.mp4", "1"), ("b.mp4", "2")):
        subprocess.run(
            [sys.executable, "-m", "playmate_jax", "animate", *names, "-o", str(inputs / out),
             "--weights", str(tiny_weights), "--no-crop", "--quiet", "--seed", "3"],
            env={**os.environ, "PYTHONHASHSEED": hash_seed}, check=True,
        )  # fmt: skip
    assert (inputs / "a.mp4").read_bytes() == (inputs / "b.mp4").read_bytes()


def test_an_error_before_the_arguments_are_read_is_one_sentence_too(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "playmate_jax.cli.arguments", None)  # its import fails
    assert run(["animate"]) == 1
    err = capsys.readouterr().err
    assert err.startswith("playmate: unexpected ModuleNotFoundError") and err.count("\n") == 1


def test_a_misspelt_command_gets_a_suggestion(capsys):
    assert run(["animte"]) == 2
    assert "did you mean 'animate'" in capsys.readouterr().err


def test_without_a_command_the_help_is_shown(capsys):
    assert run([]) == 0
    assert "animate" in capsys.readouterr().out


def test_a_face_cannot_be_chosen_without_detection(inputs, capsys):
    assert _animate(inputs, "--no-crop", "--face", "2") == 2
    assert "expected --face 2 or --no-crop, found both" in capsys.readouterr().err


def test_the_driving_file_is_never_overwritten_by_the_motion(inputs, capsys):
    motion = inputs / "m.npz"
    motion.write_bytes(b"motion")
    assert _animate(inputs, "--driving", str(motion), "--save-motion", str(motion), "--overwrite")
    assert "is one of them" in capsys.readouterr().err
    assert motion.read_bytes() == b"motion"


def test_of_a_long_list_only_the_beginning_is_shown(capsys):
    cli._say("\n".join(f"line {i}" for i in range(9)), 2)
    assert capsys.readouterr().err == (
        "playmate: line 0 line 1 line 2 line 3 line 4 and 4 more (--debug shows all)\n"
    )


def test_help_is_instant_and_groups_its_options():
    """A budget of 2 s of CPU time: importing JAX alone takes more."""
    began = time.process_time()
    found = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "playmate_jax", "animate", "--help"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert time.process_time() - began < 2
    for word in ("input:", "output:", "motion:", "weights and sampling:", "examples:", "default"):
        assert word in found.stdout
    imported = {line.rpartition("|")[2].strip() for line in found.stderr.splitlines()}
    assert not imported & {"jax", "flax", "av", "cv2", "librosa", "torch"}


def test_generating_imports_neither_librosa_nor_training(inputs):
    """librosa's first call costs 4-5 s in every process."""
    code = (
        "import sys, playmate_jax.inference.animator, playmate_jax.inference.playmate_generator\n"
        "print([m for m in ('librosa', 'optax', 'orbax', 'torch', 'tensorflow', 'numba') "
        "if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_the_launcher_sets_the_allocator_once(monkeypatch):
    from playmate_jax import cli

    calls = []
    monkeypatch.setattr("os.execve", lambda *args: calls.append(args))
    monkeypatch.delenv("PLAYMATE_LAUNCHED", raising=False)
    monkeypatch.delenv("MALLOC_ARENA_MAX", raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    cli._launch_once()
    environment = calls[0][2]
    assert environment["MALLOC_ARENA_MAX"] == "1" and environment["PLAYMATE_LAUNCHED"] == "1"
    monkeypatch.setenv("PLAYMATE_LAUNCHED", "1")
    cli._launch_once()
    assert len(calls) == 1


def test_the_progress_bar_counts_on_a_terminal():
    import io

    from playmate_jax.cli.progress import ProgressBar

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    bar = ProgressBar(Terminal())
    bar.INTERVAL_S = 0
    for done in range(11):
        bar("render", done, 10)
    lines = bar.stream.getvalue()
    assert lines.count("\r") == 11 and lines.endswith("\n")
    assert "render [####" in lines and "10/10 frames" in lines and "frames/s" in lines

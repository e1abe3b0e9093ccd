"""Bad input: one sentence on standard error, a code that is not 0, no traceback, nothing left over.

And odd input that must work. Each case prepares a file in a folder of its own.
"""

import os
import signal

import numpy as np
import pytest
from PIL import Image

from playmate_jax.cli import run
from playmate_jax.inference import Animator
from playmate_jax.media import VideoWriter, write_wav

from conftest import FixedFaces  # isort: skip


@pytest.fixture
def tiny(animator, monkeypatch):
    monkeypatch.setattr(Animator, "from_weights", lambda *args, **options: animator)
    return animator


def _animate(folder, *options, portrait="portrait.png", speech="speech.wav", out="out.mp4"):
    names = [str(folder / name) for name in (portrait, speech)]
    return run(["animate", *names, "-o", str(folder / out), *options])


def _refused(capsys, code, *told):
    """One sentence that says all of `told`."""
    out, err = capsys.readouterr()
    lines = [line for line in err.splitlines() if line.startswith("playmate: ")]
    assert code == 2, err
    assert out == "" and "Traceback" not in err
    assert len(lines) == 1 and lines[0] == err.splitlines()[-1]
    for word in told:
        assert word in lines[0]


def _files(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# ---- files that are not what they should be ------------------------------------------------------


def _spoil(path, how):
    whole = path.read_bytes() if path.exists() else b""
    match how:
        case "text":
            path.write_text("Dear reader, this is no media file.\n" * 40)
        case "truncated":
            path.write_bytes(whole[: len(whole) // 2])
        case "empty":
            path.write_bytes(b"")
        case "missing":
            path.unlink(missing_ok=True)
        case "folder":
            path.unlink(missing_ok=True)
            path.mkdir()


@pytest.mark.parametrize("how", ["text", "truncated", "empty", "missing", "folder"])
@pytest.mark.parametrize("which", ["portrait.png", "speech.wav", "head.mp4", "head.npz"])
def test_a_file_of_another_kind_is_refused(tiny, inputs, capsys, which, how):
    options = []
    if which.startswith("head"):
        _write_video(inputs / which) if which.endswith("mp4") else np.savez(inputs / which, a=1)
        options = ["--driving", str(inputs / which)]
    _spoil(inputs / which, how)
    before = _files(inputs)
    _refused(capsys, _animate(inputs, *options), "expected", which)
    assert _files(inputs) == before


def _write_video(path, audio=None):
    with VideoWriter(path, 25, (64, 64), audio) as out:
        for shade in range(12):
            out.write(np.full((64, 64, 3), 20 * shade, np.uint8))


def test_a_video_without_sound_is_no_speech(tiny, inputs, capsys):
    _write_video(inputs / "mute.mp4")
    _refused(capsys, _animate(inputs, speech="mute.mp4"), "no sound")


def test_a_recording_does_not_drive(tiny, inputs, capsys):
    code = _animate(inputs, "--driving", str(inputs / "speech.wav"))
    _refused(capsys, code, "driving", "speech.wav")


# ---- portraits -----------------------------------------------------------------------------------


def test_no_face_is_said(tiny, inputs, capsys):
    tiny.landmarker = FixedFaces()
    _refused(capsys, _animate(inputs), "expected a human face, found none", "portrait.png")
    assert not (inputs / "out.mp4").exists()


def test_an_animal_is_no_face(tiny, inputs, capsys, shared):
    from playmate_jax.errors import UserError
    from playmate_jax.faces import TfliteLandmarker

    try:
        tiny.landmarker = TfliteLandmarker()
    except UserError as error:
        pytest.skip(str(error))
    animal = shared / "data" / "portraits" / "animal_llama.jpg"
    code = run(["animate", str(animal), str(inputs / "speech.wav"), "-o", str(inputs / "o.mp4")])
    _refused(capsys, code, "expected a human face, found none")


def test_of_several_faces_one_is_taken_and_that_is_said(tiny, inputs, capsys):
    tiny.landmarker = FixedFaces((0.3, 0.5, 0.3), (0.7, 0.5, 0.4))
    assert _animate(inputs) == 0
    assert "2 faces found, taking the largest" in capsys.readouterr().err
    assert _animate(inputs, "--face", "2", out="second.mp4") == 0
    assert "number 2" in capsys.readouterr().err
    _refused(capsys, _animate(inputs, "--face", "3", out="third.mp4"), "from 1 to 2, found 3")


def test_one_pixel_is_too_small(tiny, inputs, capsys):
    Image.new("RGB", (1, 1)).save(inputs / "portrait.png")
    _refused(capsys, _animate(inputs), "at least", "1x1")


def test_a_huge_portrait_is_reduced(tiny, inputs, capsys):
    Image.new("L", (8000, 8000), 90).save(inputs / "huge.jpg")
    write_wav(inputs / "speech.wav", np.zeros(1920, np.float32))
    assert _animate(inputs, "--json", portrait="huge.jpg") == 0
    assert '"width": 1280' in capsys.readouterr().out


@pytest.mark.parametrize("mode", ["RGBA", "L", "I;16", "CMYK", "P", "1"])
def test_portraits_of_other_pixel_formats_work(tiny, inputs, portrait_pixels, mode):
    image = Image.fromarray(portrait_pixels)
    if mode == "I;16":
        deep = np.asarray(image.convert("L")).astype(np.uint16) * 257
        image = Image.fromarray(deep)
    else:
        image = image.convert(mode)
    if mode == "RGBA":
        image.putalpha(Image.linear_gradient("L").resize(image.size))
    name = "portrait.tif" if mode == "CMYK" else "portrait.png"
    image.save(inputs / name)
    assert _animate(inputs, portrait=name) == 0


# ---- speech --------------------------------------------------------------------------------------


def test_silence_works(tiny, inputs):
    write_wav(inputs / "speech.wav", np.zeros(6400, np.float32))
    assert _animate(inputs) == 0


def test_fifty_milliseconds_are_too_short(tiny, inputs, capsys):
    write_wav(inputs / "speech.wav", np.zeros(800, np.float32))
    _refused(capsys, _animate(inputs), "at least", "0.05")


def test_samples_that_are_no_numbers_are_refused(tiny, inputs, capsys):
    _write_float_wav(inputs / "speech.wav", np.full((4000, 1), np.nan, "<f4"), 16_000)
    _refused(capsys, _animate(inputs), "no numbers")


@pytest.mark.parametrize(("hz", "channels"), [(8_000, 1), (48_000, 2)])
def test_other_rates_and_channels_work(tiny, inputs, capsys, hz, channels):
    samples = np.random.default_rng(0).normal(0, 0.1, (hz * 2 // 5, channels)).astype("<f4")
    _write_float_wav(inputs / "speech.wav", samples, hz)
    assert _animate(inputs, "--json") == 0
    assert '"frames": 10' in capsys.readouterr().out


def _write_float_wav(path, samples, hz):
    """IEEE float WAV by hand: RIFF, fmt (format 3), data."""
    data, channels = samples.tobytes(), samples.shape[1]
    numbers = (3, channels, hz, hz * channels * 4, channels * 4, 32)
    layout = np.array([numbers], "<u2,<u2,<u4,<u4,<u2,<u2").tobytes()
    size = np.array([36 + len(data)], "<u4").tobytes()
    length = np.array([len(data)], "<u4").tobytes()
    chunk = b"fmt " + np.array([16], "<u4").tobytes() + layout
    path.write_bytes(b"RIFF" + size + b"WAVE" + chunk + b"data" + length + data)


# ---- places --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["with space", "it's", 'a "quoted" one', "$(touch pwned)", "señor 山田", "-x", "%d"]
)
def test_paths_are_taken_literally(tiny, inputs, monkeypatch, name):
    folder = inputs / name
    folder.mkdir()
    for file in ("portrait.png", "speech.wav"):
        (inputs / file).rename(folder / f"{name} {file}")
    out = f"{name} out.mp4"
    code = _animate(folder, portrait=f"{name} portrait.png", speech=f"{name} speech.wav", out=out)
    assert code == 0
    assert {path.name for path in folder.iterdir()} == {
        f"{name} portrait.png", f"{name} speech.wav", out,
    }  # fmt: skip
    assert not list(inputs.rglob("pwned"))


@pytest.mark.parametrize("out", ["missing/out.mp4", "portrait.png/out.mp4", "out.avi", "out"])
def test_a_place_that_cannot_be_written_is_told_before_the_work(inputs, capsys, monkeypatch, out):
    monkeypatch.setattr(Animator, "from_weights", _never)
    before = _files(inputs)
    _refused(capsys, _animate(inputs, out=out), "expected an output")
    assert _files(inputs) == before


def test_a_folder_without_write_permission_is_told_before_the_work(inputs, capsys, monkeypatch):
    monkeypatch.setattr(Animator, "from_weights", _never)
    code = run(["animate", str(inputs / "portrait.png"), str(inputs / "speech.wav"),
                "-o", "/proc/self/out.mp4"])  # fmt: skip
    _refused(capsys, code, "can be written")


def _never(*_, **__):
    raise AssertionError("work began")


def test_an_existing_output_needs_overwrite(tiny, inputs, capsys):
    (inputs / "out.mp4").write_bytes(b"precious")
    _refused(capsys, _animate(inputs), "exists", "--overwrite")
    assert (inputs / "out.mp4").read_bytes() == b"precious"
    assert _animate(inputs, "--overwrite") == 0
    assert (inputs / "out.mp4").read_bytes() != b"precious"


def test_an_input_is_never_the_output(tiny, inputs, capsys):
    _write_video(inputs / "clip.mp4", np.zeros(8000, np.float32))
    before = _files(inputs)
    code = _animate(inputs, "--overwrite", speech="clip.mp4", out="clip.mp4")
    _refused(capsys, code, "beside the inputs")
    assert _files(inputs) == before


@pytest.mark.parametrize("name", ["m.txt", "missing/m.npz", "there.npz"])
def test_the_motion_file_is_checked_too(inputs, capsys, monkeypatch, name):
    monkeypatch.setattr(Animator, "from_weights", _never)
    (inputs / "there.npz").write_bytes(b"precious")
    code = _animate(inputs, "--save-motion", str(inputs / name))
    _refused(capsys, code, "expected")


# ---- options -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--emotion", "hapy"], "did you mean 'happy'"),
        (["--emotoin", "happy"], "did you mean '--emotion'"),
        (["--seed", "-1"], "from 0"),
        (["--seed", "x"], "from 0"),
        (["--steps", "0"], "from 1"),
        (["--head-motion", "nan"], "from 0"),
        (["--sampler", "euler"], "ddim"),
        (["--pose", "upside"], "relative"),
        (["--face", "0"], "from 1"),
        (["--weights", "dmeo"], "expected weights"),
    ],
)
def test_options_that_make_no_sense_are_refused(inputs, capsys, options, told):
    _refused(capsys, _animate(inputs, *options), told)


def test_a_portrait_without_speech_is_told(inputs, capsys):
    _refused(capsys, run(["animate", str(inputs / "portrait.png")]), "PORTRAIT SPEECH")


# ---- weights -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        ("swapped", "expected the weights of a renderer"),
        ("cut", "damaged"),
        ("half", "without"),
        ("other sizes", "do not fit"),
        ("unknown field", "another model"),
        ("not a number", "not finite"),
        ("no generator", "generator"),
    ],
)
def test_weights_that_do_not_fit_are_refused(inputs, tiny_weights, capsys, damage, told):
    import json
    import shutil

    folder = inputs / "weights"
    shutil.copytree(tiny_weights, folder)
    config = folder / "renderer" / "config.json"
    params = folder / "renderer" / "params.safetensors"
    values = json.loads(config.read_text())
    match damage:
        case "swapped":
            (folder / "renderer").rename(folder / "x")
            (folder / "generator").rename(folder / "renderer")
            (folder / "x").rename(folder / "generator")
        case "cut":
            params.write_bytes(params.read_bytes()[:-1000])
        case "half":
            (folder / "renderer" / "card.json").unlink()
        case "other sizes":
            values["spade"]["hidden_channels"] = 6
            config.write_text(json.dumps(values))
        case "unknown field":
            values["spadee"] = {}
            config.write_text(json.dumps(values))
        case "not a number":
            whole = bytearray(params.read_bytes())
            whole[-4:] = np.array([np.nan], "<f4").tobytes()
            params.write_bytes(bytes(whole))
        case "no generator":
            shutil.rmtree(folder / "generator")
    code = _animate(inputs, "--weights", str(folder))
    out, err = capsys.readouterr()
    assert code == 2 and "Traceback" not in err and out == ""
    assert told in err
    assert not (inputs / "out.mp4").exists()


# ---- interruptions -------------------------------------------------------------------------------


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_leaves_nothing(tiny, inputs, capsys, monkeypatch, sent, code):
    from playmate_jax.inference.animation import Animation

    frames = Animation.__iter__

    def interrupted(self):
        for i, frame in enumerate(frames(self)):
            if i == 3:
                os.kill(os.getpid(), sent)
            yield frame

    monkeypatch.setattr(Animation, "__iter__", interrupted)
    monkeypatch.setattr(signal, "signal", signal.signal)
    before, handler = _files(inputs), signal.getsignal(signal.SIGTERM)
    # Shells start background jobs with SIGINT ignored.
    interrupt = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        assert _animate(inputs) == code
    finally:
        signal.signal(signal.SIGTERM, handler)
        signal.signal(signal.SIGINT, interrupt)
    assert "Traceback" not in capsys.readouterr().err
    assert _files(inputs) == before


def test_a_defect_is_one_sentence_and_a_hint(tiny, inputs, capsys, monkeypatch):
    def broken(*_, **__):
        raise RuntimeError("a defect\nof two lines")

    monkeypatch.setattr(tiny, "generator", broken)
    assert _animate(inputs) == 1
    err = capsys.readouterr().err
    assert "Traceback" not in err and "a defect of two lines" in err and "--debug" in err
    with pytest.raises(RuntimeError):
        _animate(inputs, "--debug")

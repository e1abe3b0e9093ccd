"""A bad input is refused in one sentence and nothing is left over; an odd one works.

Each case prepares a file in a folder of its own.
"""

import numpy as np
import pytest
from PIL import Image

from playmate_jax.cli import run
from playmate_jax.errors import UserError
from playmate_jax.faces import TfliteLandmarker
from playmate_jax.media import write_wav

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
def test_a_file_of_another_kind_is_refused(
    tiny, inputs, which, how, animate, refused, files, write_video
):
    options = []
    if which.startswith("head"):
        write_video(inputs / which) if which.endswith("mp4") else np.savez(inputs / which, a=1)
        options = ["--driving", str(inputs / which)]
    _spoil(inputs / which, how)
    before = files()
    refused(animate(*options), "expected", which)
    assert files() == before


def test_a_video_without_sound_is_no_speech(tiny, inputs, animate, refused, write_video):
    write_video(inputs / "mute.mp4")
    refused(animate(speech="mute.mp4"), "no sound")


def test_a_recording_does_not_drive(tiny, inputs, animate, refused):
    code = animate("--driving", str(inputs / "speech.wav"))
    refused(code, "driving", "speech.wav")


# ---- portraits -----------------------------------------------------------------------------------


def test_no_face_is_said(inputs, faces_at, animate, refused):
    faces_at()
    refused(animate(), "expected a human face, found none", "portrait.png")
    assert not (inputs / "out.mp4").exists()


def test_an_animal_is_no_face(tiny, inputs, shared, refused):
    try:
        tiny.landmarker = TfliteLandmarker()
    except UserError as error:
        pytest.skip(str(error))
    animal = shared / "data" / "portraits" / "animal_llama.jpg"
    code = run(["animate", str(animal), str(inputs / "speech.wav"), "-o", str(inputs / "o.mp4")])
    refused(code, "expected a human face, found none")


def test_of_several_faces_one_is_taken_and_that_is_said(capsys, faces_at, animate, refused):
    faces_at((0.3, 0.5, 0.3), (0.7, 0.5, 0.4))
    assert animate() == 0
    assert "2 faces found, taking the largest" in capsys.readouterr().err
    assert animate("--face", "2", out="second.mp4") == 0
    assert "number 2" in capsys.readouterr().err
    refused(animate("--face", "3", out="third.mp4"), "from 1 to 2, found 3")


def test_one_pixel_is_too_small(tiny, inputs, animate, refused):
    Image.new("RGB", (1, 1)).save(inputs / "portrait.png")
    refused(animate(), "at least", "1x1")


def test_a_huge_portrait_is_reduced_where_that_is_asked_for(tiny, inputs, capsys, animate):
    Image.new("L", (8000, 8000), 90).save(inputs / "huge.jpg")
    write_wav(inputs / "speech.wav", np.zeros(1920, np.float32))
    assert animate("--json", "--max-side", "1280", portrait="huge.jpg") == 0
    assert '"width": 1280' in capsys.readouterr().out


@pytest.mark.parametrize("mode", ["RGBA", "L", "I;16", "CMYK", "P", "1"])
def test_portraits_of_other_pixel_formats_work(tiny, inputs, portrait_pixels, mode, animate):
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
    assert animate(portrait=name) == 0


# ---- speech --------------------------------------------------------------------------------------


def test_silence_works(tiny, inputs, animate):
    write_wav(inputs / "speech.wav", np.zeros(6400, np.float32))
    assert animate() == 0


def test_fifty_milliseconds_are_too_short(tiny, inputs, animate, refused):
    write_wav(inputs / "speech.wav", np.zeros(800, np.float32))
    refused(animate(), "at least", "0.05")


def test_samples_that_are_no_numbers_are_refused(tiny, inputs, animate, refused):
    _write_float_wav(inputs / "speech.wav", np.full((4000, 1), np.nan, "<f4"), 16_000)
    refused(animate(), "no numbers")


@pytest.mark.parametrize(("hz", "channels"), [(8_000, 1), (48_000, 2)])
def test_other_rates_and_channels_work(tiny, inputs, capsys, hz, channels, animate):
    samples = np.random.default_rng(0).normal(0, 0.1, (hz * 2 // 5, channels)).astype("<f4")
    _write_float_wav(inputs / "speech.wav", samples, hz)
    assert animate("--json") == 0
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

"""Sound that is not needed never stops a job; silence that was heard is reported."""

from pathlib import Path

import av
import numpy as np
import pytest

from playmate_jax.errors import UserError
from playmate_jax.inference.sound import first_sound, read_speech
from playmate_jax.media import VideoWriter, write_wav

HZ = 16000


def _video(path: Path, sound_s: float | None) -> Path:
    rng = np.random.default_rng(0)
    audio = None if sound_s is None else rng.normal(0, 0.1, int(sound_s * HZ)).astype(np.float32)
    with VideoWriter(path, 25, (64, 48), audio=audio) as out:
        for _ in range(25):
            out.write(np.zeros((48, 64, 3), np.uint8))
    return path


def _with_short_track(path: Path) -> Path:
    """A video whose sound lasts 0.05 s, as an editor leaves behind."""
    with av.open(str(path), "w") as out:
        images = out.add_stream("libx264", rate=25)
        images.width, images.height, images.pix_fmt = 64, 48, "yuv420p"
        track = out.add_stream("aac", rate=HZ, layout="mono")
        for _ in range(10):
            frame = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), "rgb24")
            out.mux(images.encode(frame))
        out.mux(images.encode(None))
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.float32), "fltp", "mono")
        sound.sample_rate, sound.pts = HZ, 0
        out.mux(track.encode(sound))
        out.mux(track.encode(None))
    return path


def test_the_first_video_with_sound_is_heard(tmp_path: Path):
    mute, loud = _video(tmp_path / "mute.mp4", None), _video(tmp_path / "loud.mp4", 1.0)
    remarks: list[str] = []
    sound = first_sound(np.zeros((4, 4, 3), np.uint8), mute, loud, remarks=remarks)
    assert sound is not None and len(sound.samples) == pytest.approx(HZ, abs=2)
    assert remarks == [] and first_sound(mute) is None


def test_a_sound_that_is_too_short_is_left_out_and_reported(tmp_path: Path):
    remarks: list[str] = []
    path = _with_short_track(tmp_path / "a.mp4")
    assert first_sound(path, remarks=remarks) is None
    assert len(remarks) == 1 and str(path) in remarks[0] and "left out" in remarks[0]


def test_behind_a_bad_sound_the_next_one_is_heard(tmp_path: Path):
    remarks: list[str] = []
    bad, loud = _with_short_track(tmp_path / "a.mp4"), _video(tmp_path / "b.mp4", 1.0)
    assert first_sound(bad, loud, remarks=remarks) is not None and len(remarks) == 1


def test_a_broken_track_is_left_out_and_reported(tmp_path: Path):
    path = _video(tmp_path / "a.mp4", 1.0)
    with av.open(str(path)) as container:
        packets = [bytes(p) for p in container.demux(audio=0) if p.size > 16]
    content = path.read_bytes()
    for packet in packets:
        content = content.replace(packet, b"\xff" * len(packet))
    path.write_bytes(content)
    remarks: list[str] = []
    assert first_sound(path, remarks=remarks) is None and len(remarks) == 1


def test_an_animated_image_has_no_sound_and_needs_none(tmp_path: Path):
    from PIL import Image

    frames = [Image.new("RGB", (32, 32), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "a.webp", save_all=True, append_images=frames[1:], duration=100)
    remarks: list[str] = []
    assert first_sound(tmp_path / "a.webp", remarks=remarks) is None and remarks == []


def test_silent_speech_is_reported(tmp_path: Path):
    write_wav(tmp_path / "a.wav", np.zeros(HZ, np.float32))
    for speech in (tmp_path / "a.wav", np.zeros(HZ, np.float32)):
        remarks: list[str] = []
        audio, _ = read_speech(speech, remarks)
        assert len(audio) == HZ and len(remarks) == 1 and "silent" in remarks[0]


def test_speech_that_is_heard_has_no_remarks(tmp_path: Path):
    write_wav(tmp_path / "a.wav", 0.1 * np.sin(np.arange(HZ)).astype(np.float32))
    remarks: list[str] = []
    read_speech(tmp_path / "a.wav", remarks)
    assert remarks == []


def test_speech_that_is_needed_still_must_be_there(tmp_path: Path):
    with pytest.raises(UserError, match="found no sound"):
        read_speech(_video(tmp_path / "a.mp4", None))

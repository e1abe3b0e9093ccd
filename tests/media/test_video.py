"""Videos: exact rates, rotation, colours, variable rates, round trips."""

import hashlib
import os
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from playmate_jax.errors import UserError
from playmate_jax.media import VideoWriter, kind, open_video, read_audio
from tests.media.conftest import clip_frames, level

NTSC = Fraction(30000, 1001)


@pytest.mark.parametrize("fps", [Fraction(25), NTSC, Fraction(24000, 1001), Fraction(50)])
def test_frame_rate_survives_exactly(tmp_path: Path, write_clip, fps: Fraction):
    reader = open_video(write_clip(tmp_path / "a.mp4", count=12, fps=fps))
    times = [frame.time_s for frame in reader]
    assert reader.fps == fps
    assert len(times) == 12
    # mp4 counts in ticks: at least 10,000 a second
    assert max(abs(time - t / fps) for t, time in enumerate(times)) <= Fraction(1, 10_000)


def test_frames_and_colours_survive(tmp_path: Path, write_clip):
    frames = clip_frames(20)
    read = [frame.image for frame in open_video(write_clip(tmp_path / "a.mp4", count=20))]
    assert [level(image) for image in read] == list(range(20))
    # inside flat areas: 8-bit YCbCr keeps RGB within 2 levels, the codec adds one or two
    for area in (np.s_[2:12, 2:16], np.s_[36:46, 48:62], np.s_[20:28, 24:40]):
        assert abs(np.stack(read)[:, *area].astype(int) - np.stack(frames)[:, *area]).max() <= 5


def test_colours_are_said_to_be_bt709(tmp_path: Path, write_clip):
    with av.open(str(write_clip(tmp_path / "a.mp4", count=2))) as container:
        frame = next(container.decode(video=0))
    tags = frame.colorspace, frame.color_primaries, frame.color_trc, frame.color_range
    assert tags == (1, 1, 1, 1)  # H.273's BT.709 three times; limited range
    assert frame.format.name == "yuv420p"


def test_index_lies_in_front(tmp_path: Path, write_clip):
    content = write_clip(tmp_path / "a.mp4", count=2).read_bytes()
    assert 0 < content.find(b"moov") < content.find(b"mdat")


@pytest.mark.parametrize(("rotation", "red"), [(90, "low"), (-90, "right"), (180, "low right")])
def test_rotation_is_applied(tmp_path: Path, write_raw_clip, rotation: int, red: str):
    times = [Fraction(t, 30) for t in range(3)]
    reader = open_video(write_raw_clip(tmp_path / "a.mp4", times, rotation))
    image = next(iter(reader)).image
    assert reader.size == ((64, 48) if rotation == 180 else (48, 64))
    assert image.shape[1::-1] == reader.size
    assert reader.rotation_deg == rotation % 360
    corner = image[-4 if "low" in red else 4, -4 if "right" in red else 4].astype(int)
    assert corner[0] > 120 and corner[2] < 90  # a quarter turn to the left puts the red corner low


def test_variable_rate_is_retimed_to_the_nearest_frame(tmp_path: Path, write_raw_clip):
    times = [Fraction(n, 100) for n in (0, 3, 9, 10, 22, 30, 31, 45)]
    reader = open_video(write_raw_clip(tmp_path / "a.mp4", times))
    assert [frame.time_s for frame in reader] == times
    shown = [level(image) for image in reader.frames_at(25)]
    at = [min(range(8), key=lambda n: (abs(times[n] - Fraction(t, 25)), -n)) for t in range(12)]
    assert shown[:12] == at
    assert all(after >= before for before, after in zip(shown, shown[1:], strict=False))


@pytest.mark.parametrize(("source", "target"), [(30, 25), (25, 30), (NTSC, 25), (25, NTSC)])
def test_resampling_keeps_the_duration(tmp_path: Path, write_clip, source, target):
    reader = open_video(write_clip(tmp_path / "a.mp4", count=31, fps=source))
    shown = [level(image) for image in reader.frames_at(target)]
    assert len(shown) == round(31 / Fraction(source) * Fraction(target))
    # nobody is shown off by more than half a source frame
    error = [n / Fraction(source) - t / Fraction(target) for t, n in enumerate(shown)]
    assert max(map(abs, error)) <= Fraction(1, 2) / Fraction(source) + Fraction(1, 5000)


def test_own_rate_shows_each_frame_once(tmp_path: Path, write_clip):
    reader = open_video(write_clip(tmp_path / "a.mp4", count=20, fps=NTSC))
    assert [level(image) for image in reader.frames_at()] == list(range(20))


@pytest.mark.parametrize("size", [(65, 48), (64, 47), (33, 31)])
def test_odd_sizes_are_completed(tmp_path: Path, write_clip, size: tuple[int, int]):
    reader = open_video(write_clip(tmp_path / "a.mp4", count=2, width=size[0], height=size[1]))
    assert reader.size == tuple(side + side % 2 for side in size)


def test_same_input_gives_the_same_bytes(tmp_path: Path, write_clip):
    sound = np.random.default_rng(0).uniform(-0.3, 0.3, 16000).astype(np.float32)
    digests = {
        hashlib.sha256(write_clip(tmp_path / name, audio=sound).read_bytes()).hexdigest()
        for name in ("a.mp4", "another name.mp4")
    }
    assert len(digests) == 1


@pytest.mark.parametrize("hz", [16000, 22050, 44100, 48000])
@pytest.mark.parametrize("fps", [Fraction(25), NTSC])
@pytest.mark.parametrize("given_s", [0.2, 1.0, 3.0])
def test_sound_is_as_long_as_the_image(tmp_path: Path, write_clip, hz, fps, given_s):
    sound = np.full(int(given_s * hz), 0.1, np.float32)
    path = write_clip(tmp_path / "a.mp4", count=25, fps=fps, audio=sound, audio_hz=hz)
    length = 25 / fps
    with av.open(str(path)) as container:
        image, track = container.streams.video[0], container.streams.audio[0]
        # the mp4's clock (1/1000 s in its header, a tick elsewhere) rounds
        assert abs(image.duration * image.time_base - length) < Fraction(1, 500)
        assert abs(track.duration * track.time_base - length) < Fraction(1, 500)
    assert abs(len(read_audio(path)) / 16000 - length) < 0.002


def test_sound_lies_where_it_was_put(tmp_path: Path, write_clip):
    sound = np.zeros(16000, np.float32)
    sound[8000:8050] = 0.8
    read = read_audio(write_clip(tmp_path / "a.mp4", audio=sound))
    assert abs(int(np.argmax(np.abs(read))) - 8025) <= 40  # AAC smears a click over some samples


def test_an_error_leaves_nothing(tmp_path: Path):
    for error in (RuntimeError, KeyboardInterrupt):
        with pytest.raises(error):
            with VideoWriter(tmp_path / "a.mp4", 25, (64, 48)) as out:
                out.write(clip_frames(1)[0])
                assert not (tmp_path / "a.mp4").exists()
                raise error
    assert list(tmp_path.iterdir()) == []


def test_an_error_keeps_the_file_that_was_there(tmp_path: Path, write_clip):
    before = write_clip(tmp_path / "a.mp4", count=2).read_bytes()
    with pytest.raises(RuntimeError), VideoWriter(tmp_path / "a.mp4", 25, (64, 48)):
        raise RuntimeError
    assert (tmp_path / "a.mp4").read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


def test_no_frames_are_no_video(tmp_path: Path):
    with pytest.raises(UserError, match="found none"), VideoWriter(tmp_path / "a.mp4", 25, (8, 8)):
        pass
    assert list(tmp_path.iterdir()) == []


def test_outputs_that_cannot_be_are_refused_at_once(tmp_path: Path, write_clip):
    existing = write_clip(tmp_path / "a.mp4", count=1)
    (tmp_path / "folder.mp4").mkdir()
    cases = [
        (tmp_path / "a.avi", {}, "ending in"),
        (tmp_path / "folder.mp4", {}, "folder"),
        (tmp_path / "none" / "a.mp4", {}, "no folder"),
        (Path("/proc/a.mp4"), {}, "can be written"),
        (existing, {"overwrite": False}, "--overwrite"),
    ]
    for path, options, sentence in cases:
        with pytest.raises(UserError, match=sentence):
            VideoWriter(path, 25, (8, 8), **options)


@pytest.mark.parametrize(
    "name", ["a b.mp4", "q'\".mp4", "$(touch x).mp4", "é 日本 ñ.mp4", "a:b%d.mp4"]
)
def test_names_are_taken_literally(tmp_path: Path, monkeypatch, write_clip, name: str):
    monkeypatch.chdir(tmp_path)
    write_clip(Path(name), count=3, audio=np.zeros(3000, np.float32))
    assert os.listdir() == [name]
    assert len(list(open_video(name))) == 3
    assert len(read_audio(name)) > 0
    assert kind(name) == "video"


def test_an_animated_image_is_a_video(tmp_path: Path):
    from PIL import Image

    frames = [Image.new("RGB", (64, 48), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:], duration=80)
    shown = [image[0, 0].tolist() for image in open_video(tmp_path / "a.gif").frames_at(25)]
    assert kind(tmp_path / "a.gif") == "video"
    assert shown == [[255, 0, 0]] * 1 + [[0, 0, 255]] * 3  # the nearest of 0 and 80 ms, at 40 ms


def test_texts_images_and_sounds_are_no_video(tmp_path: Path, write_sound):
    from playmate_jax.media import write_image

    text = tmp_path / "text.mp4"
    text.write_text("not a video\n" * 50)
    empty = tmp_path / "empty.mp4"
    empty.touch()
    image = tmp_path / "p.png"
    write_image(image, clip_frames(1)[0])
    sound = write_sound(tmp_path / "s.wav", np.zeros(8000), 16000, "pcm_s16le", "s16")
    notes = tmp_path / "notes.txt"
    notes.write_text("not a video\n" * 50)
    for path in (text, empty, image, sound, notes, tmp_path, tmp_path / "none.mp4"):
        with pytest.raises(UserError, match="expected a video") as error:
            open_video(path)
        assert "\n" not in str(error.value)


def test_a_truncated_video_is_refused(tmp_path: Path, write_clip):
    rng = np.random.default_rng(0)
    path = tmp_path / "a.mp4"
    with VideoWriter(path, 25, (64, 48)) as out:
        for _ in range(25):
            out.write(rng.integers(0, 255, (48, 64, 3), dtype=np.uint8))
    content = path.read_bytes()
    for part in (0.02, 0.5, 0.9):  # within the index; within the frames, the index being in front
        path.write_bytes(content[: int(len(content) * part)])
        with pytest.raises(UserError, match="damaged"):
            list(open_video(path))


def test_a_long_video_needs_no_more_memory(tmp_path: Path):
    import resource

    image = np.zeros((256, 256, 3), np.uint8)

    def written_and_read(count: int) -> int:
        with VideoWriter(tmp_path / "a.mp4", 25, (256, 256), preset="ultrafast") as out:
            for t in range(count):
                image[:] = t % 250
                out.write(image)
        assert sum(1 for _ in open_video(tmp_path / "a.mp4").frames_at(30)) == count * 30 // 25
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # KiB, the highest so far

    short = written_and_read(100)
    # 500 frames more are 98 MB of pixels; the encoder's and allocator's own slack is a few MB
    assert written_and_read(600) - short < 30_000


def test_real_videos_are_read(shared: Path):
    expected = {"face_480_30fps_audio.mp4": (30, (480, 480), 250, 208)}
    expected["fullbody_720x1080_25fps_audio.mp4"] = (25, (720, 1080), 103, 103)
    for name, (fps, size, count, at_25) in expected.items():
        reader = open_video(shared / "data/videos" / name)
        assert (reader.fps, reader.size, reader.frame_count) == (fps, size, count)
        assert sum(1 for _ in reader.frames_at(25)) == at_25

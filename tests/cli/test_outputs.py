"""Where the output goes is checked before the work, and a run cut short leaves nothing there: after
Ctrl-C what was done lies beside it."""

import os
import signal
import threading

import numpy as np
import pytest

from playmate_jax.cli import run
from playmate_jax.media import VideoWriter, open_video


@pytest.mark.parametrize(
    "name", ["with space", "it's", 'a "quoted" one', "$(touch pwned)", "señor 山田", "-x", "%d"]
)
def test_paths_are_taken_literally(tiny, inputs, name, animate):
    folder = inputs / name
    folder.mkdir()
    for file in ("portrait.png", "speech.wav"):
        (inputs / file).rename(folder / f"{name} {file}")
    out = f"{name} out.mp4"
    code = animate(
        folder=folder, portrait=f"{name} portrait.png", speech=f"{name} speech.wav", out=out
    )
    assert code == 0
    assert {path.name for path in folder.iterdir()} == {
        f"{name} portrait.png", f"{name} speech.wav", out,
    }  # fmt: skip
    assert not list(inputs.rglob("pwned"))


@pytest.mark.parametrize("out", ["missing/out.mp4", "portrait.png/out.mp4", "out.avi", "out"])
def test_a_place_that_cannot_be_written_is_told_before_the_work(
    no_work, out, animate, refused, files
):
    before = files()
    refused(animate(out=out), "expected an output")
    assert files() == before


def test_a_folder_without_write_permission_is_told_before_the_work(no_work, inputs, refused):
    code = run(["animate", str(inputs / "portrait.png"), str(inputs / "speech.wav"),
                "-o", "/proc/self/out.mp4"])  # fmt: skip
    refused(code, "can be written")


def test_an_existing_output_needs_overwrite(tiny, inputs, animate, refused):
    (inputs / "out.mp4").write_bytes(b"precious")
    refused(animate(), "exists", "--overwrite")
    assert (inputs / "out.mp4").read_bytes() == b"precious"
    assert animate("--overwrite") == 0
    assert (inputs / "out.mp4").read_bytes() != b"precious"


def test_an_input_is_never_the_output(tiny, inputs, animate, refused, files, write_video):
    write_video(inputs / "clip.mp4", np.zeros(8000, np.float32))
    before = files()
    code = animate("--overwrite", speech="clip.mp4", out="clip.mp4")
    refused(code, "beside the inputs")
    assert files() == before


@pytest.mark.parametrize("name", ["m.txt", "missing/m.npz", "there.npz"])
def test_the_motion_file_is_checked_too(no_work, inputs, name, animate, refused):
    (inputs / "there.npz").write_bytes(b"precious")
    code = animate("--save-motion", str(inputs / name))
    refused(code, "expected")


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_leaves_what_was_done_after_ctrl_c_and_nothing_else(
    tiny, inputs, capsys, monkeypatch, sent, code, animate, files
):
    write, written = VideoWriter.write, []

    def interrupted(self, *frame):
        written.append(frame)
        if len(written) == 4:
            os.kill(os.getpid(), sent)
        write(self, *frame)

    monkeypatch.setattr(VideoWriter, "write", interrupted)
    monkeypatch.setattr(signal, "signal", signal.signal)
    threads = threading.active_count()
    before, handler = files(), signal.getsignal(signal.SIGTERM)
    # Shells start background jobs with SIGINT ignored.
    interrupt = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        assert animate() == code
    finally:
        signal.signal(signal.SIGTERM, handler)
        signal.signal(signal.SIGINT, interrupt)
    told = capsys.readouterr().err
    assert "Traceback" not in told
    assert threading.active_count() == threads, "stages of the pipeline go on"
    if sent == signal.SIGTERM:
        assert files() == before
        return
    kept = inputs / "out.stopped.mp4"
    assert told.splitlines()[-1] == f"playmate: stopped; '{kept}' holds the first 3 frames"
    assert len(list(open_video(kept))) == 3 and open_video(kept).has_audio
    assert files() == {**before, kept: kept.read_bytes()}

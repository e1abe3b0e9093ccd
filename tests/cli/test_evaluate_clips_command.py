"""`playmate evaluate clips` as a user runs it, without any weights; refusals of one sentence."""

import json

import pytest

import playmate_jax.faces
from playmate_jax.cli import run
from playmate_jax.metrics.videos.protocol import PROTOCOLS
from tests.metrics.made_up_videos import PatchFaces, frames_of, opening_and_sound, write_clip


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    home = tmp_path_factory.mktemp("videos")
    said, sound = opening_and_sound()
    write_clip(home / "real" / "one clip.mp4", frames_of(said), sound)
    write_clip(home / "made" / "one clip.mp4", frames_of(said[::-1]), sound)
    write_clip(home / "others" / "another.mp4", frames_of(said[:5]))
    (home / "empty").mkdir()
    return home


@pytest.fixture
def evaluated(videos, tmp_path, monkeypatch):
    """Runs the command into a new folder, with a landmarker that needs no models."""
    monkeypatch.setattr(playmate_jax.faces, "TfliteLandmarker", lambda folder: PatchFaces())
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def command(*options, made="made", real="real", action=("clips",), out="out"):
        folders = ["--generated", str(videos / made), "--reference", str(videos / real)]
        place = ["--out", str(tmp_path / out)]
        return run(["evaluate", *action, *folders, *place, *options])

    return command


def test_without_weights_and_without_an_action(evaluated, tmp_path, capsys, monkeypatch):
    assert evaluated("--protocol", "quick", action=()) == 0
    out, err = capsys.readouterr()
    assert "PSNR" in out and "Jaw and speech" in out and "reference" in out
    assert "fid, kid left out" in out and "playmate convert fid-inception" in out
    assert "emotion left out" in out
    assert "one clip, so there is no confidence interval" in out
    assert "2/2 videos" in err
    found = json.loads((tmp_path / "out" / "report.json").read_text("utf-8"))
    assert found["protocol"]["name"] == "quick"
    assert {p.name for p in (tmp_path / "out").iterdir()} == {
        "report.json", "report.md", "report.html", "strips", "measured", "theval",
    }  # fmt: skip
    # images alone need no landmarker
    monkeypatch.setattr(playmate_jax.faces, "TfliteLandmarker", None)
    assert evaluated("--protocol", "quick", "--json", "--quiet", "--metrics", "ssim") == 0
    out, err = capsys.readouterr()
    again = json.loads(out)
    assert err == "" and again["metrics"] == ["ssim"] and again["left_out"] == []
    ssim = found["systems"]["made"]["scores"]["ssim"]
    assert again["systems"]["made"]["scores"]["ssim"] == ssim


def test_all_protocols_in_one_run(evaluated, tmp_path, capsys, monkeypatch):
    for name in PROTOCOLS.keys() - {"quick", "whole-256"}:
        monkeypatch.delitem(PROTOCOLS, name)
    assert evaluated("--protocol", "all", "--metrics", "psnr", "fid") == 0
    out, err = capsys.readouterr()
    assert "made, by protocol" in out and "Spread" in out and "fid left out" in out
    assert "protocol whole-256" in err and "protocol quick" in err
    folders = {path.name for path in (tmp_path / "out").iterdir()}
    assert folders == {"quick", "whole-256", "protocols.json", "protocols.md"}
    assert evaluated("--protocol", "all", "--metrics", "psnr", "--json", "--quiet") == 0
    again, err = capsys.readouterr()
    assert err == "" and json.loads(again)["spread"]["made"]["psnr"]["spread"] >= 0


@pytest.mark.parametrize(
    ("options", "folders", "told"),
    [
        ([], {"made": "nowhere"}, "found no folder"),
        ([], {"made": "empty"}, "expected videos"),
        ([], {"real": "empty"}, "expected videos"),
        ([], {"made": "others"}, "found no pair"),
        (["--metrics", "psrn"], {}, "did you mean 'psnr'"),
        (["--metrics", "fid"], {}, "fid left out, found no weights of fid-inception"),
        (["--metrics", "emotion"], {}, "found no weights of emotion-efficientnet"),
        (["--protocol", "whole-521"], {}, "did you mean 'whole-512'"),
        (["--loudness", "nowhere"], {}, "found no 'nowhere'"),
        (["--networks", "nowhere"], {}, "expected weights of networks"),
        (["--labels", "nowhere.csv"], {}, "expected labels"),
        (["--clips", "0"], {}, "from 1"),
        (["--seconds", "0"], {}, "above 0"),
    ],
)
def test_what_cannot_be_measured_is_refused(options, folders, told, evaluated, refused, tmp_path):
    refused(evaluated(*options, **folders), told)
    assert not (tmp_path / "out").exists()


def test_a_folder_of_something_else_is_left_alone(evaluated, refused, tmp_path):
    photo = tmp_path / "mine" / "photo.jpg"
    photo.parent.mkdir()
    photo.write_bytes(b"dear")
    refused(evaluated(out="mine"), "photo.jpg", "another --out")
    assert [path.name for path in photo.parent.iterdir()] == ["photo.jpg"]

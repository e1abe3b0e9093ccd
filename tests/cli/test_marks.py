"""Videos that say what they are: the visible mark and the signed manifest, as options."""

import sys

import numpy as np
import pytest

from playmate_jax.media import open_video
from playmate_jax.media.mark import Mark


def correlation(frame, mark):
    place, label = frame[mark.place].astype(float), mark.label.astype(float)
    return np.corrcoef(place.ravel(), label.ravel())[0, 1]


def test_the_mark_is_in_every_frame_if_asked_for(tiny, inputs, animate):
    assert animate("--mark", out="marked.mp4") == 0
    assert animate(out="plain.mp4") == 0
    video = open_video(inputs / "marked.mp4")
    marked = [frame.image for frame in video]
    mark = Mark(marked[0].shape[1::-1])
    assert len(marked) == 10 and all(correlation(frame, mark) > 0.8 for frame in marked)
    plain = [frame.image for frame in open_video(inputs / "plain.mp4")]
    assert all(correlation(frame, mark) < 0.5 for frame in plain)


def test_what_cannot_sign_is_told_before_the_work(no_work, animate, refused, inputs):
    pytest.importorskip("c2pa", reason="c2pa-python is not installed")
    files = str(inputs / "speech.wav"), str(inputs / "portrait.png")
    refused(animate("--c2pa", *files), "both PEM")


def test_without_the_package_signing_says_what_to_install(no_work, animate, refused, monkeypatch):
    monkeypatch.setitem(sys.modules, "c2pa", None)
    refused(animate("--c2pa", "cert.pem", "key.pem"), "playmate-jax[c2pa]")

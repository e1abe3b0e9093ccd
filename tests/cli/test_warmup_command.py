"""`playmate warmup`: what it compiles, a job finds."""

import json

import pytest

from playmate_jax.cli import run, warmup
from playmate_jax.errors import UserError
from playmate_jax.inference import Animator


@pytest.fixture
def short(tiny, inputs, monkeypatch):
    """The tiny animator, short bundled files, and the forms in which it was asked for."""
    forms = []
    monkeypatch.setattr(warmup, "PORTRAIT", inputs / "portrait.png")
    monkeypatch.setattr(warmup, "SPEECH", inputs / "speech.wav")

    def from_weights(*_, renderer_form, **__):
        forms.append(renderer_form)
        if renderer_form == "folded":
            raise UserError("expected weights of LivePortrait's kind, found small ones")
        return tiny

    monkeypatch.setattr(Animator, "from_weights", from_weights)
    return forms


def test_a_job_after_the_warmup_compiles_nothing(tiny, short, inputs, capsys):
    assert run(["warmup", "--quiet", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert short == ["plain", "folded"]
    assert set(found["seconds"]) == {"speech", "speech and emotion", "reenactment"}
    assert "LivePortrait" in found["left_out"]["folded renderer"]
    compiled = tiny.renderer._draw._cache_size()
    portrait, speech = str(inputs / "portrait.png"), str(inputs / "speech.wav")
    assert run(["animate", portrait, speech, "-o", str(inputs / "o.mp4"), "--quiet"]) == 0
    assert tiny.renderer._draw._cache_size() == compiled > 0


def test_one_form_is_warmed_where_one_is_asked_for(short, capsys):
    assert run(["warmup", "--quiet", "--renderer-form", "plain", "--stream"]) == 0
    out = capsys.readouterr().out
    assert short == ["plain"] and "stream" in out and "s in all" in out
    assert "left out" not in out

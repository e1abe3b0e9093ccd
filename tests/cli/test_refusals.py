"""Options that make no sense, weights that do not fit, defects: one sentence, no traceback."""

import json
import shutil

import numpy as np
import pytest

from playmate_jax.cli import run


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--emotion", "hapy"], "did you mean 'happy'"),
        (["--emotoin", "happy"], "did you mean '--emotion'"),
        (["--out", "x.mp4"], "did you mean '--output'?), see 'playmate animate --help'"),
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
def test_options_that_make_no_sense_are_refused(options, told, animate, refused):
    refused(animate(*options), told)


def test_a_portrait_without_speech_is_told(inputs, refused):
    refused(run(["animate", str(inputs / "portrait.png")]), "PORTRAIT SPEECH", "--driving")


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
def test_weights_that_do_not_fit_are_refused(inputs, tiny_weights, capsys, damage, told, animate):
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
    code = animate("--weights", str(folder))
    out, err = capsys.readouterr()
    assert code == 2 and "Traceback" not in err and out == ""
    assert told in err
    assert not (inputs / "out.mp4").exists()


def test_a_defect_is_one_sentence_and_a_hint(tiny, capsys, monkeypatch, animate):
    def broken(*_, **__):
        raise RuntimeError("a defect\nof two lines")

    monkeypatch.setattr(type(tiny.generator), "__call__", broken)
    assert animate() == 1
    err = capsys.readouterr().err
    assert "Traceback" not in err and "a defect of two lines" in err and "--debug" in err
    with pytest.raises(RuntimeError):
        animate("--debug")

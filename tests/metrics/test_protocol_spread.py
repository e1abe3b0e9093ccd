"""Every protocol in one run: reports apart, and a table of how far their numbers lie apart."""

import json

import pytest

from playmate_jax.errors import UserError
from playmate_jax.metrics.videos import protocol, spread
from playmate_jax.metrics.videos.protocol import Protocol
from playmate_jax.metrics.videos.request import Request
from tests.metrics.made_up_videos import frames_of, opening_and_sound, write_clip


@pytest.fixture
def clips(tmp_path, monkeypatch):
    """A system of one clip, and two small protocols: 40 pixels blend the images' blocks of 8, of
    64, where 32 would leave every error as it is."""
    for name in list(protocol.PROTOCOLS):
        monkeypatch.delitem(protocol.PROTOCOLS, name)
    monkeypatch.setitem(protocol.PROTOCOLS, "small", Protocol(size=40, every=20))
    monkeypatch.setitem(protocol.PROTOCOLS, "large", Protocol(size=64, every=20))
    said, sound = opening_and_sound()
    write_clip(tmp_path / "real" / "one.mp4", frames_of(said), sound)
    write_clip(tmp_path / "made" / "one.mp4", frames_of(said[::-1]), sound)
    return tmp_path


def request_of(clips, *metrics):
    return Request([str(clips / "made")], clips / "real", clips / "out", metrics)


def test_each_protocol_has_its_report_and_the_table_the_spread(clips):
    runs, left_out = spread.evaluations(request_of(clips, "psnr", "ssim"))
    asked = []
    found = spread.run(runs, left_out, None, lambda name: asked.append(name) or (lambda *_: None))
    assert asked == ["small", "large"] == list(found["protocols"]) and not left_out
    values = {}
    for name, size in (("small", 40), ("large", 64)):
        told = json.loads((clips / "out" / name / "report.json").read_text("utf-8"))
        assert told["protocol"]["name"] == name and told["protocol"]["size"] == size
        values[name] = told["systems"]["made"]["scores"]["psnr"]["value"]
    row = found["spread"]["made"]["psnr"]
    assert row["values"] == pytest.approx(values, rel=1e-5)
    apart = abs(values["small"] - values["large"])
    assert apart > 0 and row["spread"] == pytest.approx(apart, abs=1e-3)
    (table,) = spread.tables(found)
    assert table.columns == ["Metric", "small", "large", "Spread"]
    assert [row[0] for row in table.rows] == ["PSNR, dB \u2191", "SSIM \u2191"]
    kept = json.loads((clips / "out" / spread.NAME).read_text("utf-8"))
    assert kept["protocols"].keys() == {"small", "large"} and kept["spread"]["made"]["psnr"]
    text = (clips / "out" / spread.TEXT).read_text("utf-8")
    assert "| PSNR, dB" in text and "(large/report.md)" in text


def test_what_no_protocol_can_measure_is_refused(clips, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(clips / "cache"))
    with pytest.raises(UserError, match="found no weights of lpips"):
        spread.evaluations(request_of(clips, "lpips"))


def test_a_number_that_one_protocol_lacks_is_a_hyphen():
    def one(value):
        return {"systems": {"ours": {"scores": {"lpips": {"value": value}} if value else {}}}}

    found = {"protocols": {"a": one(0.1), "b": one(None), "c": one(0.25)}, "left_out": {"d": "no"}}
    found["spread"] = spread.spread(found["protocols"])
    (table,) = spread.tables(found)
    assert table.rows == [["LPIPS \u2193", "0.100", "-", "0.250", "0.150"]]
    assert "d left out: no" in spread.as_text(found)

"""Where figures go."""

import json

import numpy as np

from playmate_jax.metrics.figures import deliver, rounded


def test_the_card_keeps_what_was_measured_before(tmp_path):
    card = {"name": "x", "measured": {"lips": {"jaw": 0.9}, "pose": {"yaw": 3.0}}}
    (tmp_path / "card.json").write_text(json.dumps(card))
    deliver({"pose": {"yaw": 1.0}}, tmp_path / "figures.json", tmp_path)
    after = json.loads((tmp_path / "card.json").read_text())
    assert after == {"name": "x", "measured": {"lips": {"jaw": 0.9}, "pose": {"yaw": 1.0}}}
    assert json.loads((tmp_path / "figures.json").read_text()) == {"pose": {"yaw": 1.0}}


def test_figures_are_rounded_and_what_is_missing_is_none():
    figures = {"a": {"b": np.float64(0.123456), "n": 7, "why": "x"}, "gap": [float("nan")]}
    assert rounded(figures) == {"a": {"b": 0.1235, "n": 7, "why": "x"}, "gap": [None]}

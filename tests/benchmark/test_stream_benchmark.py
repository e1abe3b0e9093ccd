"""The benchmark of live portraits, on random weights of a tiny size."""

import numpy as np
from PIL import Image

from playmate_jax.benchmark.stream import STAGES, measure, spread, table
from playmate_jax.inference import Animator
from playmate_jax.media import write_wav


def test_all_figures_are_there_and_make_a_table(tiny_weights, tmp_path):
    noise = np.random.default_rng(0).normal(0, 0.1, 12_800).astype(np.float32)
    write_wav(tmp_path / "speech.wav", noise, 16_000)
    pixels = np.random.default_rng(1).integers(0, 255, (64, 64, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "portrait.png")
    animator = Animator.from_weights(tiny_weights, batch=4)
    animator.landmarker = None  # nothing is looked for
    box = (8.0, 8.0, 48.0)
    found = measure(
        animator, tmp_path / "portrait.png", tmp_path / "speech.wav", 0.6, face_box=box, steps=2
    )
    assert set(found["stages_ms"]) == set(STAGES) and found["frames_per_s"] > 0
    live = found["live"]
    assert 1 <= live["ticks"] <= 16 and live["held"] <= live["ticks"]  # 15 ticks in 0.6 s
    assert found["lips_like_offline"]["stream"] <= 1
    lines = table(found).splitlines()
    assert "hops of 5 frames (200 ms)" in lines[0] and len(lines) == 12


def test_times_are_spread_in_milliseconds():
    assert spread([0.001, 0.002, 0.003]) == {"p50": 2.0, "p95": 2.9, "most": 3.0}

"""The arithmetic of the whole pipeline's benchmark."""

import pytest

from benchmarks.whole_clip import peak_mib, rates


def test_rates_by_hand():
    found = rates(250, generate_s=2.0, render_s=8.0)  # 10 s of video made in 10 s
    assert found["frames_per_s"] == 25 and found["times_real_time"] == 1
    assert found["generate_frames_per_s"] == 125
    assert found["render_frames_per_s"] == 31.25


def test_memory_is_told_in_mib():
    before = peak_mib()
    block = bytearray(b"x") * (64 * 2**20)
    # at most: pages that were free before need not be asked for again
    assert before <= peak_mib() <= before + 80
    assert len(block) == pytest.approx(64 * 2**20)

"""The face space's report: what perfect images score, and that its baselines know the truth."""

import numpy as np
import pytest

from playmate_jax.metrics import face_space
from playmate_jax.metrics.reconstruction import psnr
from playmate_jax.models.renderer import RendererConfig
from playmate_jax.synthetic.draw import draw_with_truth
from playmate_jax.synthetic.expression import BASIS, UNIT
from playmate_jax.synthetic.identity import sample_identity
from playmate_jax.synthetic.pool import build_pool

SIZE = 64
STRAIGHT = np.array([0, 0, 0, 0.72, 0, 0], np.float32)


def truth_at(pose):
    """RgbImage, position and mask of one person at rest."""
    drawn = draw_with_truth(sample_identity(3, 0), np.zeros((1, 18), np.float32), pose[None], SIZE)
    return drawn["image"][0].astype(np.float32) / 255, drawn["position"][0], drawn["mask"][0]


def warped_to(pose):
    image, position, mask = truth_at(STRAIGHT)
    wanted, points, driving_mask = truth_at(pose)
    found = face_space.exact_rigid_warp(image, (position, mask, STRAIGHT), (points, driving_mask))
    return *found, wanted, mask, driving_mask


def test_the_warp_of_a_head_that_stays_is_the_source_and_hides_nothing():
    warped, seen, source, mask, _ = warped_to(STRAIGHT)
    np.testing.assert_array_equal(warped[mask < 2], source[mask < 2])
    # A pixel's point is a mean over samples in float16, a hundredth of a pixel off its centre.
    assert psnr(warped[None], source[None])[0] > 50
    assert seen.dtype == np.float32 and (seen == 1).all()


def test_the_warp_follows_a_head_that_moves_by_whole_pixels():
    pixels = np.array([3, -2])
    pose = STRAIGHT + np.float32([0, 0, 0, 0, *(pixels * 2 / SIZE)])
    warped, _, _, mask, driving_mask = warped_to(pose)
    source = truth_at(STRAIGHT)[0]
    shifted = np.roll(source, pixels[::-1], (0, 1))
    inner = (driving_mask == 4) & (np.roll(mask, pixels[::-1], (0, 1)) == 4)
    assert inner.sum() > 300
    assert psnr(warped[None], shifted[None], inner[None].astype(np.float32))[0] > 45
    assert psnr(source[None], shifted[None], inner[None].astype(np.float32))[0] < 30  # the copy


@pytest.mark.parametrize("yaw", [35, -35])
def test_only_the_side_that_a_turn_reveals_was_not_visible(yaw):
    _, seen, _, _, mask = warped_to(STRAIGHT + np.float32([0, yaw, 0, 0, 0, 0]))
    face = mask == 4
    columns, hidden = np.nonzero(face)[1], np.nonzero(face & (seen == 0))[1]
    assert 0.02 < len(hidden) / len(columns) < 0.2  # the temple and the nose's far side
    # Yaw turns the nose to the image's left and shows the right cheek.
    side = np.sign(np.median(hidden) - columns.mean())
    assert side == np.sign(yaw)


UNITS = np.random.default_rng(0).uniform(0, 0.4, (12, 18)).astype(np.float32)


def delta(units):
    return {"delta": (units @ BASIS).reshape(-1, 21, 3)}


def test_perfect_images_have_no_expression_error():
    report = face_space.expression_errors(UNITS, delta(UNITS), delta(UNITS))
    for name in ("lid", "lip"):
        for error in (f"{name}_error", f"{name}_error_to_m", f"m_{name}_error"):
            assert report[error] == pytest.approx(0.0, abs=1e-4)  # PINV in float32
        assert report[f"{name}_correlation"] == pytest.approx(1.0, abs=1e-4)
        assert report[f"mean_{name}_error"] > 0.1
    assert report["m_unit_error"] == pytest.approx(0.0, abs=1e-4)


def test_errors_are_shares_of_the_true_range_and_say_whose_they_are():
    units = UNITS.copy()
    units[:, UNIT["lid_l"]] = units[:, UNIT["lid_r"]] = np.linspace(0, 0.5, 12)
    read, drawn = units.copy(), units.copy()
    read[:, UNIT["lid_l"]] += 0.1  # M is 0.1 too far on one lid of two, of a range of 0.5
    drawn[:, UNIT["lid_r"]] += 0.2
    report = face_space.expression_errors(units, delta(read), delta(drawn))
    assert report["m_lid_error"] == pytest.approx(0.1, abs=1e-4)
    assert report["lid_error"] == pytest.approx(0.2, abs=1e-4)
    assert report["lid_error_to_m"] == pytest.approx(0.3, abs=1e-4)  # (0.1 + 0.2) / 2 / 0.5
    assert report["lip_error"] == pytest.approx(0.0, abs=1e-4)
    assert report["m_unit_error"] == pytest.approx(0.1 / 18, abs=1e-5)


def test_pose_errors_are_mean_degrees():
    pose = np.array([[1.0, 2.0, 3.0, 0.7, 0, 0], [0.0, -2.0, 5.0, 0.7, 0, 0]])
    seen = {"pitch": pose[:, 0] + 1, "yaw": pose[:, 1], "roll": pose[:, 2] - [1, 0]}
    again = {"pitch": pose[:, 0], "yaw": pose[:, 1] + [2, -4], "roll": pose[:, 2]}
    assert face_space.pose_errors(pose, seen, again) == {
        "m_pitch_deg": 1.0, "m_yaw_deg": 0.0, "m_roll_deg": 0.5,
        "pitch_deg": 0.0, "yaw_deg": 3.0, "roll_deg": 0.0,
    }  # fmt: skip


def test_chunks_are_of_one_size_and_leave_no_trace():
    sizes = []

    def double(x, more):
        sizes.append(len(x))
        return {"twice": 2 * x, "sum": x + more["y"]}

    x = np.arange(face_space.CHUNK + 3.0)
    found = face_space.in_chunks(double, x, {"y": -x})
    assert sizes == [face_space.CHUNK] * 2  # one size compiles once
    np.testing.assert_array_equal(found["twice"], 2 * x)
    np.testing.assert_array_equal(found["sum"], 0 * x)


def test_a_renderer_that_knows_the_truth_beats_both_baselines(tmp_path, monkeypatch):
    build_pool(tmp_path, seed=4, identities=2, frames=3, size=SIZE)
    truth = face_space.true_frames(tmp_path)
    people = {
        image.tobytes(): (units, pose)
        for i in range(2)
        for image, units, pose in zip(truth["image"][i], truth["units"][i], truth["pose"][i])
    }

    def look(config, params, images):
        shown = [people[(p * 255 + 0.5).astype(np.uint8).tobytes()] for p in images]
        units, pose = (np.stack(x) for x in zip(*shown))
        angles = dict(zip(face_space.ANGLES, pose[:, :3].T))
        return {"picture": images, **delta(units), **angles}

    def redraw(config, params, source, of_source, of_driving):
        np.testing.assert_array_equal(of_source["picture"], source)
        return of_driving["picture"]

    monkeypatch.setattr(face_space, "look", look)
    monkeypatch.setattr(face_space, "redraw", redraw)
    report, shown = face_space.evaluate(RendererConfig(), None, truth)
    assert report["pairs"] == 4 and report["people"] == 2
    assert report["psnr_drawn"] == report["psnr_face_drawn"] == 100.0  # psnr's ceiling
    assert report["psnr_copy"] < 30 and report["psnr_rigid_warp"] < 40
    assert report["psnr_seen_face_rigid_warp"] > report["psnr_seen_face_copy"]
    assert report["lip_error"] < 1e-4 and report["yaw_deg"] == report["m_yaw_deg"] == 0.0
    # A mean over no pair would be no number.
    assert ("psnr_turns_over_15_copy" in report) == (shown["turn"].max() > 15)
    np.testing.assert_array_equal(shown["who"], [0, 0, 1, 1])
    sheet = face_space.contact_sheet(shown, np.arange(4), columns=2)
    assert sheet.shape == (2 * SIZE, 2 * (3 * SIZE + 6), 3)
    np.testing.assert_array_equal(sheet[:SIZE, :SIZE], truth["image"][0, 0])

"""The report of stitching and retargeting: its figures by hand, and a run on random weights."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from playmate_jax.data.cross_identity import cross_identity
from playmate_jax.metrics import retargeting
from playmate_jax.models.retargeting import init_mlps
from tests.models.test_renderer import SMALL
from tests.training.made_up_faces import SIDE, frozen, mesh, records


def test_figures_by_hand():
    """The chin is at 1/2: the lower half is wrong by 0.2 driven and by 0.1 stitched."""
    source = np.zeros((1, 4, 4, 3), np.float32)
    lower = np.zeros_like(source)
    lower[:, 2:] = 1
    images = {
        "source": source, "driven": source + 0.2 * lower, "stitching": source + 0.1 * lower,
        "eyes": source, "lips": source,
    }  # fmt: skip
    found = {"source": [[0.3, 0.1, 0.0]], "eyes": [[0.5, 0.4, 0.9]], "lips": [[0.9, 0.9, 0.25]]}
    found = {name: np.array(value) for name, value in found.items()}
    asked = np.array([[0.4, 0.4, 0.25]])
    figures = retargeting.row_figures(images, source, jnp.zeros((1, 468, 2)), asked, found)
    wanted = {
        "seam_without": 51, "seam": 25.5, "seam_redrawn": 0,
        "eyes_error": 0.05, "eyes_error_without": 0.2,
        "lips_error": 0, "lips_error_without": 0.25,
    }  # fmt: skip
    assert {name: float(value[0]) for name, value in figures.items()} == pytest.approx(wanted)


def test_a_chin_below_the_image_leaves_no_seam_to_look_at():
    image = {name: np.zeros((1, 4, 4, 3), np.float32) for name in ("source", "driven")}
    points = jnp.full((1, 468, 2), 1.5)
    ratios = {"source": np.zeros((1, 3))}
    figures = retargeting.row_figures(image, image["source"], points, np.zeros((1, 3)), ratios)
    assert np.isnan(figures["seam_without"]).all()


class Faces:
    """The same face in every image, brighter ones with open lips."""

    def detect(self, image):
        points = np.pad(mesh(0.3, image.mean() / 255), ((0, 0), (0, 1)))
        return [type("Face", (), {"landmarks": points, "points": points[:, :2]})]

    def track(self, image, previous):
        return None


def test_networks_that_do_nothing_change_nothing():
    params = dict(frozen().params) | init_mlps(SMALL, jax.random.key(0))
    with cross_identity(records(), retargeting.BATCH) as batches:
        batch = next(batches)
        figures = retargeting.evaluate(SMALL, params, batches.start_at(0), 8, Faces())
    assert figures["pairs"] == 8
    assert figures["seam"] == pytest.approx(figures["seam_without"], rel=1e-5)
    for name in ("eyes", "lips"):
        assert figures[f"{name}_error"] == pytest.approx(figures[f"{name}_error_without"])
    sheet = retargeting.sheet(SMALL, params, batch, Faces())
    assert sheet.shape == (8 * SIDE, (4 + 2 * len(retargeting.SWEEP)) * SIDE, 3)

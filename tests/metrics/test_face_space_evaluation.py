"""Laws of the face space's evaluation, on renderers whose figures are known beforehand.

They know the truth: M looks the image up, and drawing looks up the keypoints that are asked for.
"""

import dataclasses

import numpy as np
import pytest
from jax.numpy import asarray

from playmate_jax.geometry.head_pose import rotation
from playmate_jax.geometry.keypoints import Motion
from playmate_jax.metrics.renderer.evaluation import evaluate
from playmate_jax.metrics.renderer.leakage import shares, standard_errors, yardstick_shares
from playmate_jax.metrics.renderer.networks import FaceMotion, FaceSpace, Seen
from playmate_jax.metrics.renderer.observation import fit_true_images, partner
from playmate_jax.metrics.renderer.people import Person, Truth, open_people, unit_targets
from playmate_jax.metrics.renderer.readout import linear_map, readout_r2
from playmate_jax.metrics.renderer.sheets import GAP, HEAD, grid
from playmate_jax.metrics.renderer.tables import number, tables, text_of
from playmate_jax.synthetic.expression import BASIS, UNIT, sample_expression
from playmate_jax.synthetic.identity import sample_identity
from playmate_jax.synthetic.keypoints import keypoints, pose_keypoints
from playmate_jax.synthetic.pool import sample_frames, sample_pose
from tests.metrics.drawn_folders import write_drawn

SIZE, FRAMES, PEOPLE = 32, 3, 3


def person(index):
    units, pose = sample_frames(8, index, FRAMES)
    truth = Truth(sample_identity(8, index), units, pose, SIZE, SIZE)
    images = truth.images(units, pose)
    return Person(f"person {index}", images, unit_targets(units), truth)


@pytest.fixture(scope="module")
def people():
    return [person(index) for index in range(PEOPLE)]


class World:
    """All combinations of units and poses of some people: the images, and their keypoints."""

    def __init__(self, people):
        self.images, self.x, self.units, self.pose, self.x_c = [], [], [], [], []
        for one in people:
            truth, x_c = one.truth, keypoints(one.truth.identity)
            for u in [*truth.units, np.zeros_like(truth.units[0])]:
                units = np.repeat(u[None], FRAMES, 0)
                self.images += [*truth.images(units, truth.pose)]
                self.x += [*pose_keypoints(np.repeat(x_c[None], FRAMES, 0), units, truth.pose)]
                self.units += [*units]
                self.pose += [*truth.pose]
                self.x_c += [x_c] * FRAMES
        parts = (self.images, self.x, self.units, self.pose, self.x_c)
        self.images, self.x, self.units, self.pose, self.x_c = map(np.stack, parts)

    def place_of_image(self, images):
        distances = np.square(images[:, None] - self.images[None]).sum((2, 3, 4))
        return distances.argmin(1)

    def place_of_keypoints(self, x):
        return np.square(x[:, None] - self.x[None]).sum((2, 3)).argmin(1)

    def read(self, images):
        at = self.place_of_image(images)
        pose = self.pose[at]
        turn = rotation(*map(asarray, pose[:, :3].T))
        shift = np.concatenate([pose[:, 4:], 0 * pose[:, :1]], -1)
        delta = (self.units[at] @ BASIS).reshape(-1, 21, 3)
        motion = Motion(turn, asarray(delta), asarray(pose[:, 3:4]), asarray(shift))
        return FaceMotion(asarray(self.x_c[at]), motion, self.seen(images))

    def seen(self, images):
        at = self.place_of_image(images)
        return Seen(self.units[at] @ BASIS, self.pose[at, :3])

    def perfect(self, source, x_s, x_d):
        assert np.abs(x_s - self.x[self.place_of_image(source)]).max() < 1e-4
        return self.images[self.place_of_keypoints(np.asarray(x_d))]

    def copier(self, source, x_s, x_d):
        return source

    def swapper(self, source, x_s, x_d):
        """The head pose brings its own frame's expression along."""
        at = self.place_of_keypoints(np.asarray(x_d))
        person, pose = at // (FRAMES * (FRAMES + 1)), at % FRAMES
        return self.images[person * FRAMES * (FRAMES + 1) + pose * FRAMES + pose]


@pytest.fixture(scope="module")
def world(people):
    return World(people)


def figures_of(world, people, how):
    space = FaceSpace(SIZE, world.read, getattr(world, how))
    return evaluate(space, people, world.seen)


@pytest.fixture(scope="module")
def perfect(world, people):
    return figures_of(world, people, "perfect")


def test_a_perfect_renderer_has_no_error_and_no_leakage(perfect):
    figures = perfect[0]
    own = figures["self_reenactment"]
    assert own["psnr_drawn"] == pytest.approx(100) and own["gain_db"] > 50 and own["pairs"] == 6
    assert own["keypoints_drawn_percent"] == 0.0 and own["keypoints_copy_percent"] > 0.5
    assert own["head_pose_deg"]["drawn"]["mean"] == 0.0 < own["head_pose_deg"]["copy"]["mean"]
    for by in ("m", "reader"):
        for where in ("drawn", "true_image"):
            pose = figures["leakage"][by]["pose_transferred"][where]
            expression = figures["leakage"][by]["expression_transferred"][where]
            np.testing.assert_allclose([pose["expression_own"], pose["pose_driver"]], 1, atol=1e-4)
            np.testing.assert_allclose(
                [pose["expression_driver"], pose["expression_change"], pose["pose_own"]], 0,
                atol=1e-4,
            )  # fmt: skip
            np.testing.assert_allclose(
                [expression["expression_driver"], expression["pose_own"]], 1, atol=1e-4
            )
            assert expression["pose_driver"] == pytest.approx(0, abs=1e-4)
            assert expression["pose_change_deg"] == 0.0
    for transfer in ("pose", "expression"):
        assert figures["transfer"][f"psnr_{transfer}"] == pytest.approx(100)
    assert figures["transfer"]["expression_leakage"] == pytest.approx(0, abs=1e-9)
    still = figures["stillness"]
    assert [still["ratio"], still["angles_ratio"]] == pytest.approx([0, 0], abs=1e-6)


def test_a_renderer_that_copies_the_source_gains_nothing(world, people):
    figures = figures_of(world, people, "copier")[0]
    assert figures["self_reenactment"]["gain_db"] == 0.0
    assert all(row["gain_db"] == 0.0 for row in figures["by_person"])
    own = figures["self_reenactment"]
    assert own["keypoints_drawn_percent"] == pytest.approx(own["keypoints_copy_percent"])
    assert own["head_pose_deg"]["drawn"] == pytest.approx(own["head_pose_deg"]["copy"])
    for transfer in figures["leakage"]["reader"].values():  # nothing leaks, and nothing moves
        drawn = transfer["drawn"]
        for what in ("expression", "pose"):
            assert drawn[f"{what}_own"] == pytest.approx(1, abs=1e-4)
            assert drawn[f"{what}_driver"] == pytest.approx(0, abs=1e-4)


def test_a_renderer_that_swaps_expressions_leaks_all_of_it(world, people):
    figures = figures_of(world, people, "swapper")[0]
    assert figures["self_reenactment"]["psnr_drawn"] == pytest.approx(
        100
    )  # nobody would notice by this
    for by in ("m", "reader"):
        drawn = figures["leakage"][by]["pose_transferred"]["drawn"]
        assert drawn["expression_driver"] == pytest.approx(1, abs=1e-4)
        assert drawn["expression_own"] == pytest.approx(0, abs=1e-4)
        assert drawn["expression_change"] == pytest.approx(1, abs=1e-4)
    assert figures["transfer"]["expression_leakage"] == pytest.approx(1, abs=1e-9)
    assert figures["transfer"]["fading"] == pytest.approx(0, abs=1e-9)


def test_shares_tell_leakage_from_a_weak_expression():
    rng = np.random.default_rng(0)
    own, driver = rng.standard_normal((2, 50, 6))
    assert shares(0.6 * own + 3, own, driver) == pytest.approx((0.6, 0))
    assert shares(0.7 * own + 0.3 * driver, own, driver) == pytest.approx((0.7, 0.3))


def test_images_between_true_ones_give_their_shares(people):
    truth = people[0].truth
    right = truth.images(truth.units, truth.pose)
    wrong = truth.images(truth.units[partner(FRAMES)], truth.pose)
    rest = truth.images(0 * truth.units, truth.pose)
    third = truth.images(truth.units[(partner(FRAMES) + 1) % FRAMES], truth.pose)
    drawn = right + 0.3 * (wrong - right) + 0.1 * (third - right) + 0.2 * (rest - right)
    found = yardstick_shares([fit_true_images(drawn, right, [wrong, third, rest])])
    wanted = {
        "expression_driver": 0.3, "expression_control": 0.1, "expression_leakage": 0.2,
        "fading": 0.2,
    }  # fmt: skip
    assert found == pytest.approx(wanted)
    two = yardstick_shares([fit_true_images(wrong, right, [wrong, right, rest])])
    assert two["expression_leakage"] == pytest.approx(1)  # of two frames there is no third


def test_standard_errors_are_those_of_a_mean_over_people():
    people = [1.0, 2.0, 4.0, 9.0]
    found = standard_errors(lambda some: {"mean": float(np.mean(some))}, people)
    assert found["mean"] == pytest.approx(np.std(people, ddof=1) / 2)  # of 4: s / sqrt(4)


def test_each_frame_has_another_one_as_its_partner():
    for frames in range(2, 9):
        assert (partner(frames) != np.arange(frames)).all()
        assert sorted(partner(frames)) == list(range(frames))
    assert partner(8).tolist() == [4, 5, 6, 7, 0, 1, 2, 3]


def test_stillness_is_the_ratio_of_changes(world, people):
    """An M whose delta moves with the head: by a tenth of the angle on one coordinate."""

    def read(images):
        m = world.read(images)
        delta = m.seen.expression.copy()
        delta[:, 0] += 0.1 * m.seen.angles[:, 1]
        return m._replace(seen=m.seen._replace(expression=delta))

    found = evaluate(FaceSpace(SIZE, read, world.perfect), people)[0]["stillness"]
    yaw = [p.truth.pose[:, 1] - p.truth.pose[partner(FRAMES), 1] for p in people]
    assert found["delta_turned"] == pytest.approx(0.1 * np.sqrt(np.mean(np.square(yaw))), rel=1e-3)
    expected = [(p.truth.units - p.truth.units[partner(FRAMES)]) @ BASIS for p in people]
    rms = np.sqrt(np.square(expected).sum(-1).mean())
    assert found["delta_expressed"] == pytest.approx(rms, rel=1e-3)
    assert found["ratio"] == pytest.approx(found["delta_turned"] / found["delta_expressed"])


def test_a_linear_target_of_exact_delta_is_read_out_completely():
    rng = np.random.default_rng(1)
    units = [sample_expression(rng, 40) for _ in range(4)]
    delta = [u @ BASIS for u in units]
    r2 = readout_r2(delta, [unit_targets(u) for u in units])
    assert r2[2] > 0.999  # the brows are linear in delta
    assert r2[0] > 0.7 and r2[1] > 0.9  # the mouth's opening and the lids' are not, beyond limits
    noise = [rng.standard_normal((40, 2)) for _ in units]
    assert (readout_r2(delta, noise) < 0.05).all()
    constant = [np.ones((40, 1)) for _ in units]
    assert np.isnan(readout_r2(delta, constant)).all()


def test_a_linear_map_is_found_again():
    rng = np.random.default_rng(2)
    x, matrix = rng.standard_normal((60, 5)), rng.standard_normal((5, 2))
    found, constant = linear_map(x, x @ matrix + [1, -2])
    np.testing.assert_allclose(found, matrix, atol=1e-3)
    np.testing.assert_allclose(constant, [1, -2], atol=1e-3)


def test_without_truth_m_alone_reads_and_no_true_image_is_told(world, people):
    real = [dataclasses.replace(one, truth=None, targets=None) for one in people]
    figures, sheets = figures_of(world, real, "perfect")
    assert figures.keys() == {"self_reenactment", "by_person", "leakage"}
    assert figures["leakage"].keys() == {"m"}
    assert figures["leakage"]["m"]["pose_transferred"].keys() == {"drawn"}
    assert sheets["transfer"].shape[1] == 4 * (SIZE + GAP) - GAP
    assert "true images" not in text_of(tables(figures))


def test_sheets_show_people_in_rows(perfect, people):
    sheets, step = perfect[1], SIZE + GAP
    assert sheets["self"].shape == (HEAD + PEOPLE * step - GAP, (1 + 2 * 2) * step - GAP, 3)
    assert sheets["transfer"].shape == (HEAD + PEOPLE * step - GAP, 6 * step - GAP, 3)
    side = (PEOPLE + 1) * step - GAP
    assert sheets["cross"].shape == (HEAD + side, side, 3)
    second = sheets["self"][HEAD + step :, :][:SIZE, :SIZE]
    np.testing.assert_allclose(second / 255, people[1].images[0], atol=1 / 255)


def test_empty_cells_are_white():
    sheet = grid([[None, np.zeros((8, 8, 3), np.float32)]], ["", ""])
    assert (sheet[HEAD:, :8] == 255).all() and (sheet[HEAD:, 8 + GAP :] == 0).all()


def test_tables_have_a_value_for_every_column(perfect):
    found = tables(perfect[0])
    assert [table.title for table in found][:2] == [
        "self-reenactment", "head pose transferred (Eq. 2)",
    ]  # fmt: skip
    for table in found:
        assert all(len(row) == 1 + len(table.columns) for row in table.rows), table.title
    assert "100.00" in text_of(found)
    assert number(-0.001, 2) == "0.00" and number(None, 1) == number(float("nan"), 1) == "-"


def test_people_of_a_folder_are_resized_and_keep_their_truth(tmp_path):
    people = open_people(write_drawn(tmp_path, people=3), 32, 2)
    assert len(people) == 2 and people.splits == ("test",) and people.stored_size == 64
    for one in people:
        assert one.images.shape == (3, 32, 32, 3) and one.images.max() <= 1
        redrawn = one.truth.images(one.truth.units, one.truth.pose)
        assert np.abs(redrawn - one.images).mean() < 0.01  # JPEG
        np.testing.assert_allclose(
            one.targets[:, 1], np.clip(one.truth.units[:, UNIT["lid_l"] :][:, :2], 0, 1).mean(-1)
        )


def test_poses_that_were_sampled_are_those_that_are_read(world, people):
    """The oracle itself: without it the laws above would say nothing."""
    seen = world.seen(people[1].images)
    np.testing.assert_array_equal(seen.angles, people[1].truth.pose[:, :3])
    assert sample_pose(np.random.default_rng(0), 2).shape == (2, 6)

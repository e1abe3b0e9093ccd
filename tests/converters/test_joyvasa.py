"""JoyVASA's checkpoint to a weights directory, on to motion, and back.

`recordings/*/joyvasa_generator` were written by `record_joyvasa.py` from the original's inference.
"""

import argparse
import json
import pathlib
import pickle
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from playmate_jax.converters import joyvasa, joyvasa_weights, stand_in
from playmate_jax.errors import UserError
from playmate_jax.inference import joyvasa_generator
from playmate_jax.inference.generators import Request, load_generator
from playmate_jax.models.wav2vec2 import Wav2Vec2Config
from playmate_jax.motion.layout import EXPRESSION_SIZE

torch = pytest.importorskip("torch")

RECORDINGS = Path(__file__).parent / "recordings"
MANIFEST = json.loads((RECORDINGS / "manifests" / "joyvasa_generator.json").read_text())
RECORDED = np.load(RECORDINGS / "golden" / "joyvasa_generator.npz")
SEED = 0
ENCODER = Wav2Vec2Config(
    channels=(16,) * 7, width=32, layers=2, heads=4, feed_forward=48, position_kernel=16,
    position_groups=4,
)  # fmt: skip
SPEECH = 0.1 * stand_in.network_input("speech", (27_000,), SEED)
TOLERANCE = 1e-4  # of a number's std over time, as in parity.py
PLAIN_ARGS = dict(
    motion_feat_dim=70, fps=25, n_motions=20, n_prev_motions=5, feature_dim=32, n_diff_steps=6,
    diff_schedule="cosine", target="sample", audio_model="hubert", pad_mode="zero",
    use_indicator=True, n_layers=6, n_heads=8,
)  # fmt: skip


def state():
    """The original's state dict: its order and its computed tensors, stand-ins for the rest."""
    buffers = {
        name.removeprefix("buffer/"): RECORDED[name]
        for name in RECORDED.files
        if name.startswith("buffer/")
    }
    drawn = {name: shape for name, shape in MANIFEST.items() if name not in buffers}
    values = stand_in.state_dict(drawn, SEED)
    whole = {name: values.get(name, buffers.get(name)) for name in MANIFEST}
    rows = joyvasa.sinusoids(joyvasa.TABLE_ROWS, 32)[None]
    return whole | {"denoising_net.PE.pe": rows}  # recorded in part


def template():
    sizes = {"scale": 1, "t": 3, "exp": 63, "pitch": 1, "yaw": 1, "roll": 1}
    draw = {
        f"{kind}_{part}": stand_in.network_input(f"{kind}_{part}", (size,), SEED)
        for part, size in sizes.items()
        for kind in ("mean", "std", "max", "min")
    }
    return {name: np.abs(v) if name[:3] in ("std", "max") else v for name, v in draw.items()}


def save(path, args=None, tensors=None):
    args = PLAIN_ARGS if args is None else args
    tensors = {k: torch.from_numpy(np.array(v)) for k, v in (tensors or state()).items()}
    torch.save({"args": argparse.Namespace(**args), "model": tensors, "iter": 20_000}, path)
    return path


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A checkpoint, with settings of the kinds that published ones hold, and a template."""
    folder = tmp_path_factory.mktemp("joyvasa")
    odd = {"data_root": pathlib.PosixPath("data"), "lr": np.float64(1e-4), "mode": None}
    save(folder / "iter_0020000.pt", PLAIN_ARGS | odd)
    (folder / "motion_template.pkl").write_bytes(pickle.dumps(template()))
    return folder


@pytest.fixture(scope="module")
def converted(files):
    joyvasa_weights.convert(
        files / "iter_0020000.pt", files / "motion_template.pkl", files / "joyvasa", ENCODER
    )
    return files / "joyvasa"


def worst(found, recorded):
    """Of the std over time of the motion as it was made."""
    return (np.abs(found - recorded) / RECORDED["motion"].std(0)).max()


def test_speech_to_motion_repeats_the_original(converted, monkeypatch):
    """Three windows, the last cut short, the noise between steps put to zero."""
    noise = jnp.asarray(stand_in.network_input("noise", (1, 20, 70), SEED))
    monkeypatch.setattr(
        jax.random, "normal", lambda key, shape, *_: noise if shape[0] == 1 else None
    )
    real = joyvasa_generator.SAMPLERS["ddpm"]
    monkeypatch.setitem(joyvasa_generator.SAMPLERS, "ddpm", without_noise(real, monkeypatch))
    generator, card = load_generator(converted)
    assert isinstance(generator, joyvasa_generator.JoyvasaGenerator)
    assert card["iteration"] == 20_000 and card["args"]["data_root"] == "data"
    told = []
    request = Request(np.zeros(63, np.float32), np.zeros(70, np.float32))
    motion = generator.head(SPEECH, request, lambda *at: told.append(at))
    assert motion.shape == RECORDED["motion"].shape == (45, 70)
    assert worst(motion, RECORDED["motion"]) < TOLERANCE
    assert told == [(20, 43), (40, 43), (43, 43)]  # 43 frames of 640 samples, the last one started
    smoothed = joyvasa_generator.smoothed_pose(motion, generator.config.smoothing)
    assert worst(smoothed, RECORDED["smoothed"]) < TOLERANCE
    np.testing.assert_array_equal(smoothed[:, :EXPRESSION_SIZE], motion[:, :EXPRESSION_SIZE])


def without_noise(sampler, monkeypatch):
    """The sampler with zeros wherever it draws."""

    def quiet(*args, **options):
        with monkeypatch.context() as inner:
            inner.setattr(jax.random, "normal", lambda key, shape, *_: jnp.zeros(shape))
            return sampler(*args, **options)

    return quiet


def test_there_and_back_is_exact_to_the_bit(converted, files):
    before = torch.load(files / "iter_0020000.pt", weights_only=False)
    path = joyvasa_weights.convert_back(converted, files / "back.pt")
    after = torch.load(path, weights_only=False)
    assert list(after["model"]) == list(before["model"]) == list(MANIFEST)
    for name, tensor in before["model"].items():
        assert after["model"][name].dtype == tensor.dtype
        assert torch.equal(after["model"][name], tensor), name
    assert after["iter"] == 20_000 and after["args"].n_motions == 20


def test_old_weight_norm_names_come_back(files, tmp_path):
    from playmate_jax.converters.speech_encoders import SPELLINGS

    new = {f"audio_encoder.{new}": f"audio_encoder.{old}" for old, new in SPELLINGS.items()}
    tensors = {new.get(name, name): value for name, value in state().items()}
    save(tmp_path / "old.pt", tensors=tensors)
    template_file = files / "motion_template.pkl"
    joyvasa_weights.convert(tmp_path / "old.pt", template_file, tmp_path / "w", ENCODER)
    path = joyvasa_weights.convert_back(tmp_path / "w", tmp_path / "back.pt")
    assert list(torch.load(path, weights_only=False)["model"]) == list(tensors)


def test_computed_tables_are_those_of_the_original():
    """What an export writes where nothing was kept; float32 sums of 6 steps, sines of float32."""
    config = joyvasa.config_of(PLAIN_ARGS, state(), ENCODER)
    entries = {e.source: e for e in joyvasa.table(config)}
    for name in RECORDED.files:
        if name.startswith("buffer/"):
            theirs, ours = RECORDED[name], entries[name.removeprefix("buffer/")].default
            assert ours.dtype == theirs.dtype
            rows = slice(None) if ours.shape == theirs.shape else slice(theirs.shape[1])
            found = ours if ours.shape == theirs.shape else ours[:, rows]
            np.testing.assert_allclose(found, theirs, atol=2e-6, err_msg=name)


def test_sizes_come_from_the_tensors_where_args_were_never_passed_on():
    config = joyvasa.config_of(PLAIN_ARGS, state(), ENCODER).denoiser
    assert config.layers == 2 and not config.indicator  # args say 6, and that it is used
    assert config.mlp_ratio == 2 and config.window.total == 25
    assert config.position_row  # as the published weights were trained


class Mark:
    """Leaves a file behind when it is unpickled by Python's own machine."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return pathlib.Path.touch, (self.path,)


@pytest.mark.parametrize("place", ["args", "template"])
def test_files_that_would_run_code_are_refused(files, tmp_path, place):
    mark = tmp_path / "ran"
    checkpoint, template_file = files / "iter_0020000.pt", files / "motion_template.pkl"
    if place == "args":
        checkpoint = tmp_path / "bad.pt"
        torch.save({"args": argparse.Namespace(x=Mark(mark)), "model": {}, "iter": 0}, checkpoint)
        torch.load(checkpoint, weights_only=False)
    else:
        template_file = tmp_path / "bad.pkl"
        template_file.write_bytes(pickle.dumps(template() | {"x": Mark(mark)}))
        pickle.loads(template_file.read_bytes())
    assert mark.exists()  # it would have run
    mark.unlink()
    with pytest.raises(UserError):
        joyvasa_weights.convert(checkpoint, template_file, tmp_path / "out", ENCODER)
    assert not mark.exists() and not (tmp_path / "out").exists()


def test_every_problem_of_a_checkpoint_is_told_at_once(files, tmp_path):
    tensors = state()
    del tensors["null_audio_feat"]
    tensors["denoising_net.motion_dec.2.bias"] = np.full(70, np.nan, np.float32)
    tensors["denoising_net.extra"] = np.zeros(1, np.float32)
    path, template_file = save(tmp_path / "bad.pt", tensors=tensors), files / "motion_template.pkl"
    with pytest.raises(UserError) as told:
        joyvasa_weights.convert(path, template_file, tmp_path / "out", ENCODER)
    lines = {line.strip()[:33] for line in str(told.value).splitlines()[1:]}
    assert lines == {
        "- null_audio_feat", "! denoising_net.motion_dec.2.bias", "+ denoising_net.extra",
    }  # fmt: skip
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "args, told",
    [
        ({"audio_model": "whisper"}, "audio_model among wav2vec2, hubert"),
        ({"motion_feat_dim": 76}, "motion_feat_dim among 70"),
        ({"diff_schedule": "linear"}, "linear schedule of 6 steps"),  # the tensors are a cosine's
    ],
)
def test_what_does_not_fit_the_args_is_told(files, tmp_path, args, told):
    path = save(tmp_path / "other.pt", PLAIN_ARGS | args)
    with pytest.raises(UserError, match=told):
        joyvasa_weights.convert(path, files / "motion_template.pkl", tmp_path / "out", ENCODER)


def test_a_file_of_tensors_alone_is_no_checkpoint_of_this_kind(files, tmp_path):
    torch.save({"weight": torch.zeros(1)}, tmp_path / "m.pth")
    with pytest.raises(UserError, match="args, model and iter.*found weight"):
        joyvasa_weights.convert(
            tmp_path / "m.pth", files / "motion_template.pkl", tmp_path / "o", ENCODER
        )


def test_every_problem_of_a_template_is_told_at_once(files, tmp_path):
    values = template() | {"std_exp": np.zeros(5), "max_t": np.full(3, np.inf)}
    del values["min_yaw"]
    path = tmp_path / "t.pkl"
    path.write_bytes(pickle.dumps(values))
    with pytest.raises(UserError) as told:
        joyvasa_weights.read_template(path)
    assert str(told.value).splitlines()[1:] == [
        "  ! std_exp is not 63 finite numbers",
        "  - min_yaw",
        "  ! max_t is not 3 finite numbers",
    ]

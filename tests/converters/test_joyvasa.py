"""JoyVASA's checkpoint to a weights directory, on to motion, and back.

`recordings/*/joyvasa_generator` were written by `record_joyvasa.py` from the original's inference.
"""

import argparse
import json
import pathlib
import pickle
import shutil
from hashlib import sha256
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from playmate_jax.configuration import to_values
from playmate_jax.converters import checkpoints, convert, synthetic_weights
from playmate_jax.converters.joyvasa import config as joyvasa_config
from playmate_jax.converters.joyvasa import files as joyvasa_files
from playmate_jax.converters.joyvasa import rules
from playmate_jax.converters.wav2vec2.rules import SPELLINGS
from playmate_jax.errors import UserError
from playmate_jax.hub.weights import load_weights, save_weights
from playmate_jax.inference import joyvasa_generator
from playmate_jax.inference.generators import load_generator
from playmate_jax.inference.motion_generator import Request
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
SPEECH = 0.1 * synthetic_weights.network_input("speech", (27_000,), SEED)
CHECKPOINT = "motion_generator/iter_0020000.pt"
TEMPLATE = "motion_template/motion_template.pkl"
TOLERANCE = 1e-4  # of a number's std over time, as in parity.py
PLAIN_ARGS = dict(
    motion_feat_dim=70, fps=25, n_motions=20, n_prev_motions=5, feature_dim=32, n_diff_steps=6,
    diff_schedule="cosine", target="sample", audio_model="hubert", pad_mode="zero",
    use_indicator=True, n_layers=6, n_heads=8,
)  # fmt: skip


def state():
    """The original's state dict: its order and its computed tensors, the rest synthetic."""
    buffers = {
        name.removeprefix("buffer/"): RECORDED[name]
        for name in RECORDED.files
        if name.startswith("buffer/")
    }
    drawn = {name: shape for name, shape in MANIFEST.items() if name not in buffers}
    values = synthetic_weights.state_dict(drawn, SEED)
    whole = {name: values.get(name, buffers.get(name)) for name in MANIFEST}
    rows = rules.sinusoids(rules.TABLE_ROWS, 32)[None]
    return whole | {"denoising_net.PE.pe": rows}  # recorded in part


def template():
    sizes = {"scale": 1, "t": 3, "exp": 63, "pitch": 1, "yaw": 1, "roll": 1}
    draw = {
        f"{kind}_{part}": synthetic_weights.network_input(f"{kind}_{part}", (size,), SEED)
        for part, size in sizes.items()
        for kind in ("mean", "std", "max", "min")
    }
    return {name: np.abs(v) if name[:3] in ("std", "max") else v for name, v in draw.items()}


def save(path, args=None, tensors=None):
    args = PLAIN_ARGS if args is None else args
    tensors = {k: torch.from_numpy(np.array(v)) for k, v in (tensors or state()).items()}
    path.parent.mkdir(exist_ok=True)
    torch.save({"args": argparse.Namespace(**args), "model": tensors, "iter": 20_000}, path)
    return path


@pytest.fixture(scope="module", autouse=True)
def small_encoder():
    """In the place of the one that every published checkpoint has."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(joyvasa_config, "BASE_ENCODER", ENCODER)
        yield


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A checkpoint, with settings of the kinds that published ones hold, and a template, in the
    published layout."""
    folder = tmp_path_factory.mktemp("joyvasa")
    odd = {"data_root": pathlib.PosixPath("data"), "lr": np.float64(1e-4), "mode": None}
    for name in ("motion_generator", "motion_template"):
        (folder / name).mkdir()
    save(folder / CHECKPOINT, PLAIN_ARGS | odd)
    (folder / TEMPLATE).write_bytes(pickle.dumps(template()))
    return folder


@pytest.fixture
def beside(files, tmp_path):
    """A folder with the template, and a place for a checkpoint beside it."""
    (tmp_path / "mine").mkdir()
    shutil.copy(files / TEMPLATE, tmp_path / "mine")
    return tmp_path / "mine" / "m.pt"


@pytest.fixture(scope="module")
def converted(files, tmp_path_factory):
    directory = tmp_path_factory.mktemp("weights") / "joyvasa"
    done = convert.to_jax(files, directory, verification=True)
    assert done.name == "joyvasa" and done.share == 1 and done.passed
    return directory


def worst(found, recorded):
    """Of the std over time of the motion as it was made."""
    return (np.abs(found - recorded) / RECORDED["motion"].std(0)).max()


def test_speech_to_motion_repeats_the_original(converted, monkeypatch):
    """Three windows, the last cut short, the noise between steps put to zero."""
    noise = jnp.asarray(synthetic_weights.network_input("noise", (1, 20, 70), SEED))
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


def test_there_and_back_is_exact_to_the_bit(converted, files, tmp_path):
    before = torch.load(files / CHECKPOINT, weights_only=False)
    convert.to_pytorch(converted, tmp_path / "back.pt")
    after = torch.load(tmp_path / "back.pt", weights_only=False)
    assert list(after["model"]) == list(before["model"]) == list(MANIFEST)
    for name, tensor in before["model"].items():
        assert after["model"][name].dtype == tensor.dtype
        assert torch.equal(after["model"][name], tensor), name
    args = vars(before["args"]) | {"data_root": "data"}  # a path comes back as text
    assert after["iter"] == 20_000 and vars(after["args"]) == args


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_an_export_needs_no_template(converted, tmp_path, suffix):
    convert.to_pytorch(converted, tmp_path / f"back{suffix}")
    convert.to_jax(tmp_path / f"back{suffix}", tmp_path / "again")
    for name in ("config.json", "params.safetensors", "unused.safetensors"):
        assert (tmp_path / "again" / name).read_bytes() == (converted / name).read_bytes()
    card = load_weights(tmp_path / "again")[2]
    assert card["iteration"] == 20_000 and card["args"]["n_motions"] == 20


def test_an_export_of_tensors_alone_has_the_args_that_build_the_network(converted, tmp_path):
    config, params, card = load_weights(converted)
    del card["args"]
    save_weights(tmp_path / "w", config, params, card)
    convert.to_pytorch(tmp_path / "w", tmp_path / "motion_generator" / "m.pt")
    found = checkpoints.read(tmp_path / "motion_generator")
    shapes = {name: value.shape for name, value in found.state.items()}
    made = joyvasa_config.config_of(found.metadata, shapes)
    assert {"kind": "joyvasa", **to_values(made)} == config


def test_statistics_are_those_of_the_template(converted):
    found, values = load_weights(converted)[1]["statistics"], template()
    np.testing.assert_array_equal(found["expression_std"], values["std_exp"])
    parts = ("scale", "t", "pitch", "yaw", "roll")
    lowest = np.concatenate([values[f"min_{part}"] for part in parts])
    np.testing.assert_array_equal(found["pose_low"], lowest)


def test_the_card_names_both_files(converted, files):
    card = load_weights(converted)[2]
    for path in (files / CHECKPOINT, files / TEMPLATE):
        assert card["source_sha256"][path.name] == sha256(path.read_bytes()).hexdigest()
    assert card["domain"] == "photographs" and "MIT" in card["licence"]


def test_a_checkpoint_without_its_template_is_told(tmp_path):
    path = save(tmp_path / "motion_generator" / "m.pt")
    for source in (path, tmp_path):
        with pytest.raises(UserError, match=r"expected motion_template\.pkl beside .* found none"):
            convert.to_jax(source, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_two_checkpoints_under_a_folder_are_told(files, tmp_path):
    for name in ("a.pt", "b.pt"):
        save(tmp_path / "motion_generator" / name)
    with pytest.raises(UserError, match=r"one motion_generator/\*\.pt .* found 2"):
        checkpoints.read(tmp_path)


def test_a_checkpoint_finds_the_template_where_it_is_published(files):
    found = checkpoints.read(files / CHECKPOINT)
    assert set(found.files) == {"iter_0020000.pt", "motion_template.pkl"}


def test_old_weight_norm_names_come_back(beside, tmp_path):
    new = {f"audio_encoder.{new}": f"audio_encoder.{old}" for old, new in SPELLINGS.items()}
    tensors = {new.get(name, name): value for name, value in state().items()}
    convert.to_jax(save(beside, tensors=tensors), tmp_path / "w")
    convert.to_pytorch(tmp_path / "w", tmp_path / "back.pt")
    back = torch.load(tmp_path / "back.pt", weights_only=False)["model"]
    assert list(back) == list(tensors)


def config_of(args):
    shapes = {name: value.shape for name, value in state().items()}
    return joyvasa_config.config_of({"args": args}, shapes | {"statistics.pose_low": (7,)})


def test_computed_tables_are_those_of_the_original():
    """What an export writes where nothing was kept; float32 sums of 6 steps, sines of float32."""
    config = config_of(PLAIN_ARGS)
    entries = {e.source: e for e in rules.table(config)}
    for name in RECORDED.files:
        if name.startswith("buffer/"):
            theirs, ours = RECORDED[name], entries[name.removeprefix("buffer/")].default
            assert ours.dtype == theirs.dtype
            rows = slice(None) if ours.shape == theirs.shape else slice(theirs.shape[1])
            found = ours if ours.shape == theirs.shape else ours[:, rows]
            np.testing.assert_allclose(found, theirs, atol=2e-6, err_msg=name)


def test_sizes_come_from_the_tensors_where_args_were_never_passed_on():
    config = config_of(PLAIN_ARGS).denoiser
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
def test_files_that_would_run_code_are_refused(beside, tmp_path, place):
    mark, template_file = tmp_path / "ran", beside.parent / "motion_template.pkl"
    if place == "args":
        torch.save({"args": argparse.Namespace(x=Mark(mark)), "model": {}, "iter": 0}, beside)
        torch.load(beside, weights_only=False)
    else:
        save(beside)
        template_file.write_bytes(pickle.dumps(template() | {"x": Mark(mark)}))
        pickle.loads(template_file.read_bytes())
    assert mark.exists()  # it would have run
    mark.unlink()
    with pytest.raises(UserError):
        convert.to_jax(beside.parent, tmp_path / "out")
    assert not mark.exists() and not (tmp_path / "out").exists()


def test_every_problem_of_a_checkpoint_is_told_at_once(beside, tmp_path):
    tensors = state()
    del tensors["null_audio_feat"]
    tensors["denoising_net.motion_dec.2.bias"] = np.full(70, np.nan, np.float32)
    tensors["denoising_net.extra"] = np.zeros(1, np.float32)
    tensors["denoising_net.alignment_mask"][0, 1] = False  # hears its neighbour
    with pytest.raises(UserError) as told:
        convert.to_jax(save(beside, tensors=tensors), tmp_path / "out")
    lines = {line.strip()[:33] for line in str(told.value).splitlines()[1:]}
    assert lines == {
        "- null_audio_feat", "! denoising_net.motion_dec.2.bias", "+ denoising_net.extra",
        "! denoising_net.alignment_mask is",
    }  # fmt: skip
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "args, told",
    [
        ({"audio_model": "whisper"}, "audio_model among wav2vec2, hubert"),
        ({"motion_feat_dim": 76}, "motion_feat_dim among 70"),
        # the tensors are a cosine's
        ({"diff_schedule": "linear"}, "! diffusion_sched.alphas is not what the configuration"),
    ],
)
def test_what_does_not_fit_the_args_is_told(beside, tmp_path, args, told):
    with pytest.raises(UserError, match=told):
        convert.to_jax(save(beside, PLAIN_ARGS | args), tmp_path / "out")


def test_every_problem_of_a_template_is_told_at_once(tmp_path):
    values = template() | {"std_exp": np.zeros(5), "max_t": np.full(3, np.inf)}
    del values["min_yaw"]
    path = tmp_path / "t.pkl"
    path.write_bytes(pickle.dumps(values))
    with pytest.raises(UserError) as told:
        joyvasa_files.read_template(path)
    assert str(told.value).splitlines()[1:] == [
        "  ! std_exp is not 63 finite numbers",
        "  - min_yaw",
        "  ! max_t is not 3 finite numbers",
    ]

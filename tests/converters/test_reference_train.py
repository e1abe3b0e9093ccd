"""The PyTorch training step that ours is timed against does the same work, to the same effect."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.traverse_util import unflatten_dict

from playmate_jax.converters import verify
from playmate_jax.converters.playmate import FAMILY, rules
from playmate_jax.converters.rules import to_flax
from playmate_jax.losses.motion import LossConfig, loss_at
from playmate_jax.losses.motion_draws import Draws
from playmate_jax.models import motion_flops
from playmate_jax.models.motion_model import ScheduleConfig
from playmate_jax.parallel.share import ALONE
from playmate_jax.training.optimizer import OptimizerConfig, optimizer, packing
from playmate_jax.training.stage import TrainState

torch = pytest.importorskip("torch", reason="needs the extra 'convert'")

BATCH = 4
# No dropout: the two sides' masks could not be the same. A hundred diffusion steps: in float32 the
# sine of step 999 differs by its argument's rounding, 6e-5.
MODEL = dataclasses.replace(
    FAMILY.tiny,
    generator=dataclasses.replace(FAMILY.tiny.generator, dropout=0.0),
    schedule=ScheduleConfig(n_steps=100),
)
# A bias of the keys has no effect, so its gradient is rounding alone. With the usual eps Adam would
# make whole steps of it; with this one it is as small as it should be.
OPTIMIZER = OptimizerConfig(learning_rate=1e-3, clip_norm=0.05, warmup_share=0.1, eps=1e-4)
LOSS = LossConfig(pose_weight=0.5)
STEPS = 20


def reference(stage, **changes):
    """The reference on the family's synthetic weights."""
    from playmate_jax.converters.playmate.reference_train import TrainReference
    from playmate_jax.converters.torch_files import to_tensors

    made = TrainReference(MODEL, OPTIMIZER, LOSS, stage=stage, total_steps=STEPS, **changes)
    made.model.load_state_dict(to_tensors(synthetic_state()))
    for mean, value in zip(made.ema, made.learning, strict=True):
        mean.copy_(value.detach())
    return made


@functools.cache
def synthetic_state():
    return verify.synthetic_state(rules.table(MODEL), rules.leaf_shapes(MODEL))


def flax_params(state):
    leaves, _ = to_flax(rules.table(MODEL), state, rules.leaf_shapes(MODEL))
    tree = unflatten_dict({k: jnp.asarray(v) for k, v in leaves.items()}, sep="/")
    return {name: tree[name] for name in ("generator", "emotion")}


@pytest.fixture(scope="module")
def arrays():
    """A batch of windows, two of them shorter than the window."""
    g, rng = MODEL.generator, np.random.default_rng(0)
    w = g.window

    def normal(*shape):
        return rng.standard_normal((BATCH, *shape)).astype(np.float32)

    valid = np.arange(w.length) < np.array([w.length, 5, w.length, 9])[:, None]
    return {
        "motion": normal(w.length, 70), "previous_motion": normal(w.previous, 70),
        "speech": normal(w.total, g.speech_size), "identity": normal(g.identity_size),
        "emotion": rng.uniform(0, 0.2, (BATCH, w.total, 8)).astype(np.float32),
        "valid": valid, "has_previous": np.array([True, False, True, True]),
    }  # fmt: skip


@pytest.mark.parametrize("stage", [1, 2])
def test_two_steps_move_parameters_and_ema_as_ours_do(stage, arrays):
    """Loss, gradient, clipping (its norm is above the limit), Adam, schedule and EMA in one."""
    theirs = reference(stage)
    params = flax_params(synthetic_state())
    part = "generator" if stage == 1 else "emotion"
    tx = optimizer(OPTIMIZER, STEPS)
    packed = packing(OPTIMIZER, params[part])
    state, batch = TrainState.create(params[part], tx, packed), theirs.batch(arrays)
    weights, rows = LOSS.weights(expression_only=stage == 2), jax.tree.map(jnp.asarray, arrays)

    @jax.jit
    def step(state, draws):
        """Training's own step, but for the draws."""

        def loss(packed, *_):
            both = {**params, part: state.packing.unpack(packed)}
            used = both if stage == 2 else {"generator": both["generator"]}
            return loss_at(
                LOSS, MODEL, used, rows, Draws(**draws, seed=None), expression_only=stage == 2
            )

        gradients, metrics = ALONE.gradients(loss, weights, state.packed, rows, jax.random.key(0))
        return state.updated(tx, gradients, OPTIMIZER.ema_decay)[0], metrics

    torch.manual_seed(0)
    for _ in range(2):
        draws = theirs.draws(batch)
        state, metrics = step(state, {k: v.numpy() for k, v in vars(draws).items()})
        found = theirs.step_with(batch, draws)
        for name, value in found.items():
            assert float(value) == pytest.approx(float(metrics[name]), rel=1e-5), name
    with torch.no_grad():
        after = {k: v.numpy().copy() for k, v in theirs.model.state_dict().items()}
        for value, mean in zip(theirs.learning, theirs.ema, strict=True):
            value.copy_(mean)
        ema = {k: v.numpy() for k, v in theirs.model.state_dict().items()}
    for found, expected in ((after, state.params), (ema, state.ema)):
        theirs_now = jax.tree.leaves(flax_params(found)[part])
        both = zip(theirs_now, jax.tree.leaves(expected), strict=True)
        worst = max(float(jnp.abs(a - b).max()) for a, b in both)
        assert worst < 1e-3 * OPTIMIZER.learning_rate  # of a step: what float32 leaves
    assert all(p.grad is None for p in theirs.model.generator.parameters()) == (stage == 2)


@pytest.mark.parametrize("stage", [1, 2])
def test_pytorch_counts_the_flops_that_we_do(stage, arrays):
    """PyTorch has no count of its fused attention on CPU, and counts a depthwise convolution's
    backward pass as if its groups were one: attention is two products here, and of convolutions
    the forward pass counts."""
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    theirs = reference(stage)
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        theirs.step(theirs.batch(arrays))
    found = {str(op).rpartition(".")[2]: n for op, n in counter.get_flop_counts()["Global"].items()}
    count = motion_flops.stage1_flops if stage == 1 else motion_flops.stage2_flops
    parts = count(MODEL, BATCH)
    depthwise = parts.pop("conformer/depthwise")
    assert found["convolution"] == depthwise / (3 if stage == 1 else 1)
    assert sum(found[op] for op in ("mm", "addmm", "bmm")) == sum(parts.values())


def test_bfloat16_keeps_the_parameters_and_the_loss_in_float32(arrays):
    """The loss differs from float32's by bfloat16's rounding, and not more."""
    torch.manual_seed(0)
    exact, rounded = reference(1), reference(1, precision="bfloat16")
    batch = exact.batch(arrays)
    draws = exact.draws(batch)
    one, other = exact.step_with(batch, draws), rounded.step_with(batch, draws)
    assert all(p.dtype == torch.float32 for p in rounded.learning + rounded.ema)
    assert 0 < abs(one["loss"] - other["loss"]) < 0.02 * one["loss"]


def test_what_the_reference_has_not_is_refused():
    from playmate_jax.converters.playmate.reference_train import TrainReference

    with pytest.raises(ValueError, match="terms beside Eq. 7 nor weight decay"):
        TrainReference(
            MODEL, OptimizerConfig(weight_decay=0.1), LossConfig(velocity_weight=1.0),
            stage=1, total_steps=1,
        )  # fmt: skip

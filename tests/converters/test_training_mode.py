"""Networks in training mode: outputs, gradients and what a call changes are PyTorch's.

One call with batch statistics and one power iteration, on the families' synthetic weights. PyTorch
computes in float64. Its gradient is of the sum of all outputs times fixed noise.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.traverse_util import flatten_dict, unflatten_dict

from playmate_jax.converters import verify
from playmate_jax.converters.discriminator import FAMILY as DISCRIMINATOR
from playmate_jax.converters.layer_outputs import own_arrays
from playmate_jax.converters.liveportrait import FAMILY as LIVEPORTRAIT
from playmate_jax.converters.rules import Rule, to_flax
from playmate_jax.converters.synthetic_weights import network_input, smooth
from playmate_jax.models.appearance import AppearanceExtractor
from playmate_jax.models.discriminator import MultiScaleDiscriminator
from playmate_jax.models.motion_extractor import MotionExtractor
from playmate_jax.models.normalization import BatchNorm
from playmate_jax.models.spade import SpadeDecoder
from playmate_jax.models.spectral import SpectralConv2d
from playmate_jax.models.warping import WarpingNetwork

torch = pytest.importorskip("torch", reason="needs the extra 'convert'")

TINY = LIVEPORTRAIT.tiny
MODULES = {
    "appearance": AppearanceExtractor(TINY.appearance),
    "motion": MotionExtractor(TINY.motion),
    "warping": WarpingNetwork(TINY.warping),
    "spade": SpadeDecoder(TINY.spade),
    "": MultiScaleDiscriminator(DISCRIMINATOR.tiny),
}
NAMES = [name or "discriminator" for name in MODULES]
BATCH = 2
# Rounding of float32 through some thirty layers, relative to the norm of a network's tree.
OUTPUT, GRADIENT, STATE = 2e-5, 1e-4, 1e-5


def family(part):
    return LIVEPORTRAIT if part else DISCRIMINATOR


def rules(part):
    own = family(part)
    return own.table(own.tiny), own.shapes(own.tiny)


@functools.cache
def weights(part):
    """A network's synthetic state dict and, from it, its variables.

    Singular vectors are those of another start: one power iteration must have something to do.
    """
    table, shapes = rules(part)
    state = verify.synthetic_state(table, shapes)
    state = {
        name: unit(network_input(name, value.shape, 0)) if name.endswith(("_u", "_v")) else value
        for name, value in state.items()
    }
    leaves, _ = to_flax(table, state, shapes)
    return state, leaves


def unit(x):
    return x / np.linalg.norm(x)


def arrays(part):
    """The network's inputs in PyTorch's axis order, `BATCH` rows."""
    (run,) = (run for run in family(part).runs(family(part).tiny) if run.part == part)
    found = []
    for i, one in enumerate(run.inputs()):
        kind = "unit" if one.min() >= 0 else "keypoints" if one.ndim == 3 else "normal"
        shape = (BATCH, *one.shape[1:])
        value = network_input(f"training {part} {i}", shape, 0, kind)
        found.append(smooth(value) if one.ndim == 5 else value)
    return run, found


def channels_last(x):
    return np.moveaxis(x, 1, -1) if x.ndim > 3 else x


def cotangents(outputs):
    """Noise in the shapes of some outputs, in PyTorch's order; by their place."""
    return [network_input(f"cotangent {i}", x.shape, 0) for i, x in enumerate(outputs)]


def listed(outputs):
    """Dicts by name and nested lists, flat."""
    if isinstance(outputs, dict):
        return [x for name in sorted(outputs) for x in listed(outputs[name])]
    if isinstance(outputs, list | tuple):
        return [x for item in outputs for x in listed(item)]
    return [outputs]


@functools.cache
def theirs(part):
    """Outputs, gradients by name, state dict after the call, all float64 arrays."""
    from playmate_jax.converters.torch_files import to_tensors

    run, inputs = arrays(part)
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        module = run.reference().train()
        module.load_state_dict(to_tensors(own_arrays(weights(part)[0], part, ".")))
        places = [torch.from_numpy(x.astype(np.float64)).requires_grad_() for x in inputs]
        outputs = listed(module(*places))
        sum(
            (x * torch.from_numpy(c)).sum() for x, c in zip(outputs, cotangents(outputs))
        ).backward()
    finally:
        torch.set_default_dtype(before)
    gradients = {name: p.grad.numpy() for name, p in module.named_parameters()}
    state = {name: value.detach().numpy() for name, value in module.state_dict().items()}
    return [x.detach().numpy() for x in outputs], gradients, [p.grad.numpy() for p in places], state


@functools.cache
def ours(part):
    """The same of the Flax module, in PyTorch's names and axis order."""
    _, inputs = arrays(part)
    module = MODULES[part]
    leaves = own_arrays(weights(part)[1], part, "/")
    variables = jax.tree.map(jnp.asarray, unflatten_dict(leaves, sep="/"))
    params = variables.pop("params")
    wanted = [channels_last(x) for x in cotangents(theirs(part)[0])]
    if part == "warping":  # its deformation has its axes last on both sides
        wanted[0] = cotangents(theirs(part)[0])[0]

    @jax.jit
    def call(params, places):
        def objective(params, places):
            outputs, kept = applied(module, {"params": params, **variables}, places)
            parts = [jnp.sum(x * c) for x, c in zip(listed(outputs), wanted, strict=True)]
            return sum(parts), (listed(outputs), kept)

        return jax.grad(objective, (0, 1), has_aux=True)(params, places)

    (by_params, by_inputs), (outputs, kept) = call(params, [channels_last(x) for x in inputs])
    return outputs, by_params, by_inputs, {"params": params, **variables, **kept}


def applied(module, variables, inputs):
    return module.apply(variables, *inputs, train=True, mutable=["batch_stats", "spectral"])


def error(found, wanted):
    """Norm of the difference relative to the norm, of two lists of arrays."""
    found, wanted = (np.concatenate([np.ravel(x) for x in xs]) for xs in (found, wanted))
    return np.linalg.norm(found - wanted) / np.linalg.norm(wanted)


@pytest.mark.parametrize("part", MODULES, ids=NAMES)
def test_outputs_in_training_mode_are_pytorchs(part):
    for i, (found, wanted) in enumerate(zip(ours(part)[0], theirs(part)[0], strict=True)):
        same_axes = wanted if wanted.shape == found.shape else channels_last(wanted)
        assert error([found], [same_axes]) < OUTPUT, i


@pytest.mark.parametrize("part", MODULES, ids=NAMES)
def test_gradients_in_training_mode_are_pytorchs(part):
    _, found, by_inputs, _ = ours(part)
    wanted = in_flax(part, theirs(part)[1])
    found = flatten_dict(found, sep="/")
    assert set(found) == set(wanted)
    assert error([found[k] for k in wanted], list(wanted.values())) < GRADIENT
    for a, b in zip(by_inputs, theirs(part)[2], strict=True):
        assert error([a], [channels_last(b)]) < GRADIENT


@pytest.mark.parametrize("part", [name for name in MODULES if name != "motion"],
                         ids=[name for name in NAMES if name != "motion"])  # fmt: skip
def test_one_training_call_leaves_the_state_that_pytorchs_leaves(part):
    """Running statistics (the unbiased variance), u and v, each by itself."""
    table, shapes = rules(part)
    mine = flatten_dict(ours(part)[3], sep="/")
    state, before = theirs(part)[3], weights(part)[0]
    prefix = f"{part}." if part else ""
    changed = 0
    for rule in table:
        name = rule.source.removeprefix(prefix)
        if name not in state or not name.endswith(("running_mean", "running_var", "_u", "_v")):
            continue
        target = rule.target.removeprefix(f"{part}/" if part else "")
        assert error([mine[target]], [rule.op.forward(state[name])]) < STATE, name
        if state[name].size > 1:  # a unit vector of one number stays what it is
            assert error([before[rule.source]], [state[name]]) > 10 * STATE, name
            changed += 1
    assert changed


def in_flax(part, gradients):
    """PyTorch's gradients under the names and in the layout of a Flax module's parameters."""
    prefix = (f"{part}.", f"{part}/") if part else ("", "")
    found = {}
    for rule in (entry for entry in rules(part)[0] if isinstance(entry, Rule)):
        name = rule.source.removeprefix(prefix[0])
        target = rule.target.removeprefix(prefix[1])
        if rule.source.startswith(prefix[0]) and name in gradients:
            found[target.removeprefix("params/")] = rule.op.forward(gradients[name])
    assert len(found) == len(gradients)
    return found


def test_running_variance_is_the_unbiased_one():
    # values 1 and 3: variance 1 over both, 2 as an estimate; .9 of the start and .1 of that
    x = jnp.array([[1.0], [3.0]])
    norm = BatchNorm(train=True)
    variables = norm.init(jax.random.key(0), x)
    y, kept = norm.apply(variables, x, mutable=["batch_stats"])
    np.testing.assert_allclose(kept["batch_stats"]["mean"], [0.2], rtol=1e-6)
    np.testing.assert_allclose(kept["batch_stats"]["var"], [1.1], rtol=1e-6)
    np.testing.assert_allclose(y[:, 0], [-1, 1], rtol=1e-4)


def test_the_norm_that_divides_a_kernel_is_that_of_the_vectors_after_the_iteration():
    """As in torch: v from u, then u from v, then sigma = u^T W v with both new ones."""
    module = SpectralConv2d(1, 1, use_bias=False)
    kernel = jnp.array([3.0, 4.0]).reshape(1, 1, 2, 1)  # sigma 5, v = (.6, .8) after one call
    variables = {
        "params": {"kernel": kernel},
        "spectral": {"u": jnp.array([1.0]), "v": jnp.array([1.0, 0.0]).reshape(1, 1, 2)},
    }
    x = jnp.array([1.0, 0.0]).reshape(1, 1, 1, 2)
    y, kept = module.apply(variables, x, True, mutable=["spectral"])
    np.testing.assert_allclose(y.ravel(), [3 / 5], rtol=1e-6)
    np.testing.assert_allclose(kept["spectral"]["v"].ravel(), [0.6, 0.8], rtol=1e-6)
    np.testing.assert_allclose(module.apply(variables, x).ravel(), [3 / 3], rtol=1e-6)

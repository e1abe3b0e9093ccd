"""LPIPS with VGG16's trunk in float64 on both sides: for what its recording cannot tell.

The recording has two pairs of images, and their third and fifth terms are so nearly equal that
their standard deviation is 5e-4 of the value. One step of float32 at these values is 1.3e-4 and
1.7e-4 of that deviation, and the recorded float32 values are 1.3e-4 and 1.0e-3 of it away from what
the original gives in float64 (1e-7 and 5e-7 of the value): deep features of two images differ by an
eighth of their length, and the difference keeps the roundings of both. So no float32 program can
repeat them to 1e-4 of that deviation. In float64 nothing blurs, and both sides have to agree.
"""

from collections.abc import Iterator
from functools import partial

import jax
import numpy as np

from playmate_jax.converters.golden import Precision, Reference
from playmate_jax.converters.lpips import parity
from playmate_jax.converters.lpips.rules import leaf_shapes, table
from playmate_jax.models.lpips import WIDTHS, LPIPSConfig

BLURRED = ("layer2", "layer4")


def against_float64(config: LPIPSConfig, reference: Reference) -> Iterator[Precision]:
    """The blurred terms; RMS errors over the recorded pairs."""
    network = f"lpips_{config.trunk}"
    variables = reference.convert(network, table(config), leaf_shapes(config))
    images = parity.pairs(config.trunk, reference)
    with jax.enable_x64(True):
        wide = jax.tree.map(lambda x: x.astype(np.float64), (variables, images))
        ours = parity.outputs(config, *wide)
    theirs, truth = (torch_outputs(config, reference, dtype) for dtype in ("float32", "float64"))
    for name in (f"{network}.{term}" for term in BLURRED):
        exact = truth[name]
        errors = (np.sqrt(np.mean(np.square(x[name] - exact))) for x in (ours, theirs))
        yield Precision(name, *(float(x / exact.std()) for x in errors), in_float64=True)


def torch_outputs(config: LPIPSConfig, reference: Reference, dtype: str) -> dict[str, np.ndarray]:
    """PyTorch's terms and distance of the recorded pairs, computed in that type."""
    import torch

    from playmate_jax.converters.lpips.reference import LPIPSReference
    from playmate_jax.converters.torch_files import to_tensors

    network = f"lpips_{config.trunk}"
    state = {k: parity.allowed(k, v) for k, v in reference.state(network).items()}
    before = torch.get_default_dtype()
    torch.set_default_dtype(getattr(torch, dtype))
    try:
        module = LPIPSReference(config).eval()
        module.load_state_dict(to_tensors(state), strict=True)
        images = [torch.from_numpy(x.astype(dtype)) for x in parity.pairs(config.trunk, reference)]
        with torch.no_grad():
            return parity.named(network, module.terms(*images).double().numpy())
    finally:
        torch.set_default_dtype(before)


AGAINST_FLOAT64 = {"lpips_vgg": partial(against_float64, LPIPSConfig("vgg", WIDTHS["vgg"]))}

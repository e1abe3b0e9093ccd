"""The chain W -> G in float32 against float64: ours, and that of the PyTorch reference.

Two float32 programs differ by the roundings of both, which the chain amplifies: W's places are off
by 1e-7, and where G draws from a volume of white noise that becomes 1e-4 of the image. So the chain
is held to the truth: PyTorch's in float64, from the same float32 weights and inputs.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from playmate_jax.converters.golden import Precision, Reference
from playmate_jax.converters.liveportrait import parity

CHAIN = "warp_then_decode.image"


def against_float64(reference: Reference) -> Iterator[Precision]:
    """W's places and features, then G's image of them."""
    ours = parity.warp_then_decode(reference)
    theirs, truth = (torch_chain(reference, dtype) for dtype in ("float32", "float64"))
    for name, exact in truth.items():
        errors = [_relative(x[name] - exact, exact) for x in (ours, theirs)]
        yield Precision(name, errors[0], errors[1])


def torch_chain(reference: Reference, dtype: str) -> dict[str, np.ndarray]:
    """PyTorch's outputs of W and then G, computed in that type; float64, channels second."""
    import torch

    from playmate_jax.converters.liveportrait.reference_renderer import (
        SpadeReference,
        WarpingReference,
    )
    from playmate_jax.converters.torch_files import to_tensors

    config = parity.config_of(reference)
    f, w = config.appearance, config.warping

    def loaded(module: Any, network: str) -> Any:
        module.load_state_dict(to_tensors(reference.state(f"liveportrait_{network}")), strict=True)
        return module.eval()

    before = torch.get_default_dtype()
    torch.set_default_dtype(getattr(torch, dtype))
    try:
        warping = loaded(WarpingReference(w, f.volume_channels, f.volume_depth), "warping")
        spade = loaded(SpadeReference(config.spade, w.out_channels), "spade")
        inputs = [torch.from_numpy(x.astype(dtype)) for x in parity.warping_inputs(reference)]
        with torch.no_grad():
            warped = warping(*inputs)
            found = {
                "warping.deformation": warped["deformation"],
                "warping.out": warped["out"],
                CHAIN: spade(warped["out"]),
            }
        return {name: value.double().numpy() for name, value in found.items()}
    finally:
        torch.set_default_dtype(before)


def _relative(error: np.ndarray, exact: np.ndarray) -> float:
    """The RMS of an error, relative to the exact values' standard deviation."""
    return float(np.sqrt(np.mean(np.square(error))) / exact.std())

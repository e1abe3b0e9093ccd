"""Diffusion as pure functions of arrays and callables: schedule, forward, guidance, samplers.

Noise prediction is the only interface: a denoiser is a callable `predict_noise(x, step) -> noise`.
The output of a network that predicts something else is converted by `forward.noise_from`.
"""

# In the order of `samplers.SAMPLERS`; defined here for the command line, which must not import JAX.
SAMPLER_NAMES = ("ddpm", "ddim", "dpm++")

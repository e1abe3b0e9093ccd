"""Diffusion as pure functions of arrays and callables: schedule, forward, guidance, samplers.

Noise prediction is the interface everywhere: a denoiser is a callable `predict_noise(x, step) ->
noise`. What a network itself predicts is translated at its border (`forward.noise_from`).
"""

# In the order of `samplers.SAMPLERS`; here the command line finds them without importing JAX.
SAMPLER_NAMES = ("ddpm", "ddim", "dpm++")

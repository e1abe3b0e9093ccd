"""Playmate in JAX: one portrait and a speech clip become a talking video.

Start with `playmate_jax.inference.Animator` or the command `playmate animate`.
"""

__version__ = "0.1.0"

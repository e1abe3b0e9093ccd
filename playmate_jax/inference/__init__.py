"""Generating: a portrait and speech become a talking video."""

from playmate_jax.errors import UserError

__all__ = ["Animation", "Animator", "UserError"]


def __getattr__(name: str):
    """`Animator` and `Animation` on first use: the command line reads other parts without JAX."""
    if name == "Animator":
        from playmate_jax.inference.animator import Animator

        return Animator
    if name == "Animation":
        from playmate_jax.inference.animation import Animation

        return Animation
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""Data: prepared data sets and the Grain batches made of them.

import playmate_jax.data as d
batch = next(d.stage1("data/mine", batch_size=32))    # d.stage2, d.face_space
"""

import importlib
from typing import Any

_HOMES = {
    "Loading": "batches",
    "Windows": "motion_batch",
    "across": "frame_pairs",
    "face_space": "frame_pairs",
    "open_records": "record_source",
    "stage1": "motion_windows",
    "stage2": "motion_windows",
}


def __getattr__(name: str) -> Any:
    """Loads Grain and the rest when they are asked for, so that importing data stays instant."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})

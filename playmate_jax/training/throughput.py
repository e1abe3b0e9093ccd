"""Throughput of a run in the units that systems are compared in: MFU and frames per second."""

from playmate_jax.motion.layout import FPS


def mfu(flops: float, steps_per_s: float, peak: float) -> float:
    """Model FLOPs utilisation: the share of the devices' matrix rate that the model's own FLOPs
    make up, 0 to 1 (Chowdhery et al. 2022, appendix B).

    Args:
      flops: of one step over the global batch (models/motion_flops.py).
      peak: FLOPs/s of all devices (parallel/peak.py).
    """
    return flops * steps_per_s / peak if peak else 0.0


def rates(steps_per_s: float, frames: int, flops: float, peak: float) -> dict[str, float]:
    """What a log line says of speed, by name.

    Args:
      frames: of video (at 25 fps) that one step trains on, over the global batch; 0 where a stage
        does not count them, which leaves out "frames_per_s".
      flops, peak: as in `mfu`; 0 leaves out "mfu".

    Returns:
      "steps_per_s"; "frames_per_s", and "realtime_factor": seconds of video in a second of
      training; "mfu".
    """
    found = {"steps_per_s": steps_per_s}
    if frames:
        found["frames_per_s"] = frames * steps_per_s
        found["realtime_factor"] = frames * steps_per_s / FPS
    if flops and peak:
        found["mfu"] = mfu(flops, steps_per_s, peak)
    return found

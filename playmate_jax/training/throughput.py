"""Throughput of a run in the units that systems are compared in: MFU and frames per second."""


def mfu(flops: float, steps_per_s: float, peak: float) -> float:
    """Model FLOPs utilisation: the share of the devices' matrix rate that the model's own FLOPs
    make up, 0 to 1 (Chowdhery et al. 2022, appendix B).

    Args:
      flops: of one step over the global batch (models/motion_flops.py).
      peak: FLOPs/s of all devices (parallel/peak.py).
    """
    return flops * steps_per_s / peak


def rates(steps_per_s: float, frames: int, flops: float, peak: float) -> dict[str, float]:
    """What a log line says of speed: "steps_per_s", "frames_per_s" and "mfu".

    Args:
      frames: of video that one step trains on, over the global batch; 0 where a stage does not
        count them, which leaves out "frames_per_s".
      flops, peak: as in `mfu`; 0 where not known, which leaves out "mfu".
    """
    found = {"steps_per_s": steps_per_s}
    if frames:
        found["frames_per_s"] = frames * steps_per_s
    if flops and peak:
        found["mfu"] = mfu(flops, steps_per_s, peak)
    return found

"""The table of everything that can be measured: what it needs, and the columns that it fills.

`--metrics` takes the names of METRICS; without it all but those of the demo world (DEMO) are
measured, which say nothing of real faces. Columns without a better direction are to be compared
with the reference's own row.
"""

from typing import NamedTuple

from playmate_jax.errors import UserError, nearest

LOWER, HIGHER = "lower", "higher"


class Column(NamedTuple):
    """A number of a system, and mostly of every clip.

    Attributes:
      key: its name in the report.
      better: LOWER, HIGHER, or "" where neither is.
      group: where a clip's number is kept; "" for a number of the whole set.
      pair: whether that is a record of a pair, not of the video alone.
    """

    key: str
    title: str
    better: str
    group: str = ""
    pair: bool = False
    digits: int = 3


class Metric(NamedTuple):
    """A name of `--metrics`.

    Attributes:
      groups, pair_groups: that have to be measured, of videos and of pairs.
      network: the kind of weights that it needs, or "".
    """

    columns: tuple[Column, ...]
    groups: tuple[str, ...] = ()
    pair_groups: tuple[str, ...] = ()
    network: str = ""


METRICS = {
    "fid": Metric((Column("fid", "FID", LOWER),), ("inception",), (), "fid-inception"),
    "fvd": Metric((Column("fvd", "FVD", LOWER),), ("i3d",), (), "i3d"),
    "sync": Metric(
        (
            Column("sync_c", "Sync-C", HIGHER, "syncnet"),
            Column("sync_d", "Sync-D", LOWER, "syncnet"),
            Column("offset", "AV offset, frames", "", "syncnet", digits=1),
        ),
        ("syncnet",), (), "syncnet",
    ),
    "csim": Metric(
        (Column("csim", "CSIM", HIGHER, "csim", True),), ("arcface",), ("csim",), "arcface"
    ),
    "lpips": Metric((Column("lpips", "LPIPS", LOWER, "lpips", True),), (), ("lpips",), "lpips"),
    "emotion": Metric(
        (
            Column("emo_a", "Emo-A, %", HIGHER, digits=1),
            Column("emo_a_clips", "Emo-A of clips, %", HIGHER, digits=1),
        ),
        ("emotion",), (), "emotion-efficientnet",
    ),
    # The demo world's own networks: numbers of synthetic faces alone, in columns of their own.
    "demo-sync": Metric(
        (
            Column("demo_sync", "Sync (demo world)", HIGHER, "demo_syncnet"),
            Column("demo_offset", "Offset (demo world), frames", "", "demo_syncnet", digits=1),
        ),
        ("demo_syncnet",), (), "demo-syncnet",
    ),
    "demo-emotion": Metric(
        (
            Column("demo_emotion", "Emotion (demo world), %", HIGHER, digits=1),
            Column("demo_emotion_clips", "Emotion of clips (demo world), %", HIGHER, digits=1),
        ),
        ("demo_emotion",), (), "demo-emotion",
    ),
    "kid": Metric((Column("kid", "KID x 1000", LOWER),), ("inception",), (), "fid-inception"),
    "psnr": Metric((Column("psnr", "PSNR, dB", HIGHER, "image", True, 2),), (), ("image",)),
    "ssim": Metric((Column("ssim", "SSIM", HIGHER, "image", True),), (), ("image",)),
    "landmarks": Metric(
        (
            Column("landmark_distance", "Landmarks, %", LOWER, "landmarks", True, 2),
            Column("mouth_distance", "Mouth, %", LOWER, "landmarks", True, 2),
        ),
        ("faces",), ("landmarks",),
    ),
    "jaw": Metric(
        (
            Column("jaw_sync", "Jaw and speech", HIGHER, "speech"),
            Column("jaw_delay_frames", "Jaw delay, frames", "", "speech", digits=1),
        ),
        ("speech",),
    ),
    "silence": Metric(
        (Column("silence_motion", "Lips in pauses, %", LOWER, "speech"),), ("speech",)
    ),
    "head": Metric(
        (Column("head_motion", "Head motion, deg", "", "motion", digits=2),), ("motion",)
    ),
    "blinks": Metric((Column("blinks", "Blinks a minute", "", "motion", digits=1),), ("motion",)),
    "jump": Metric((Column("jump", "First-frame jump", LOWER, "motion", digits=2),), ("motion",)),
}  # fmt: skip

DEMO = ("demo-sync", "demo-emotion")
# Accuracies of emotions: the array of logits, and what the scores of frames and clips are called.
EMOTIONS_OF = {
    "emotion": ("emotion", "emo_a", "emo_a_clips"),
    "demo-emotion": ("demo_emotion", "demo_emotion", "demo_emotion_clips"),
}
TABLE_1 = ("fid", "fvd", "sync_c", "sync_d", "csim", "lpips")
# Table 1 of the paper (Ma et al. 2025).
PAPER = {
    "HDTF": {
        "Hallo": (30.484, 288.479, 7.923, 7.531, 0.804, 0.139),
        "Hallo2": (30.768, 288.385, 7.754, 7.649, 0.822, 0.138),
        "MEMO": (27.713, 299.493, 8.059, 7.473, 0.840, 0.132),
        "Sonic": (29.189, 305.867, 9.139, 6.549, 0.783, 0.149),
        "JoyVASA": (29.581, 306.683, 8.522, 7.215, 0.781, 0.157),
        "Playmate": (19.138, 231.048, 8.580, 6.985, 0.848, 0.099),
    },
    "Collected dataset": {
        "Hallo": (46.114, 288.415, 6.454, 8.384, 0.767, 0.139),
        "Hallo2": (46.185, 295.532, 6.509, 8.358, 0.761, 0.144),
        "MEMO": (39.224, 260.498, 6.569, 8.193, 0.782, 0.130),
        "Sonic": (39.069, 254.959, 7.972, 7.124, 0.762, 0.139),
        "JoyVASA": (50.314, 304.621, 6.858, 8.194, 0.713, 0.163),
        "Playmate": (34.716, 227.871, 7.125, 8.007, 0.797, 0.128),
    },
}


def find_metrics(names: list[str]) -> dict[str, Metric]:
    """The metrics of those names, in the table's order; none: all but DEMO.

    Raises:
      UserError: an unknown name; the nearest one is suggested.
    """
    for name in names:
        if name not in METRICS:
            raise UserError(
                f"expected metrics among {', '.join(METRICS)}, found '{name}'"
                f"{nearest(name, METRICS)}: choose some of them"
            )
    chosen = names or [name for name in METRICS if name not in DEMO]
    return {name: metric for name, metric in METRICS.items() if name in chosen}


def columns_of(metrics: dict[str, Metric]) -> list[Column]:
    """The columns that some metrics fill, in order."""
    return [column for metric in metrics.values() for column in metric.columns]

"""Our metrics against independent implementations of the same numbers, in one run.

    pip install clean-fid torchmetrics torch-fidelity lpips scikit-image scikit-learn \
        python_speech_features torchvision
    python benchmarks/metric_agreement.py

Both sides get the same arrays: features, images, logits, sound. Nothing is downloaded: LPIPS has
the heads that its package ships and a trunk of synthetic weights, the same on both sides by way of
the converter. Prints a table of differences with the tolerance of each and its reason; what is not
installed is left out and named. Exit code 1 if a difference is above its tolerance, or nothing
could be compared. Rows "other convention" have no tolerance: they say how far a published number
may be off for the convention alone.
"""

import argparse
import importlib
import json
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import jax.numpy as jnp
import numpy as np

from playmate_jax.benchmark.agreement import Row, absolute, compare, markdown, relative

ASSETS = Path(__file__).parents[1] / "playmate_jax" / "assets"
IMAGES, DIMENSIONS = 1000, 256  # of the features; a real network has 2048, and its root takes 10 s
FEW = 100  # fewer images than numbers: singular covariances, the usual case of FVD
EXACT, ROUNDING, SINGLE = 1e-9, 1e-12, 1e-5
# Theirs has source coordinates in float32: up to 512 pixels they are half of 2^-15 off, which is
# multiplied by a step of up to 255 grey levels, on two axes. Ours are float64.
BILINEAR = 2 * 255 * 2**-16 * 2


def features(count: int, seed: int) -> np.ndarray:
    """Vectors (count, 256) like a network's: not negative, and correlated over three decades."""
    mixing = np.random.default_rng(9).standard_normal((DIMENSIONS, DIMENSIONS))
    mixing *= np.logspace(0, -1.5, DIMENSIONS)[:, None] / np.sqrt(DIMENSIONS)
    drawn = np.random.default_rng(seed).standard_normal((count, DIMENSIONS)) + 0.1 * seed
    return np.maximum(drawn @ mixing + 0.3, 0).astype(np.float32)


def image_pairs() -> list[tuple[np.ndarray, np.ndarray]]:
    """The bundled images (h, w, 3), uint8 RGB: with noise, blurred, and as a JPEG."""
    pairs = []
    for name in ("portrait.png", "painting.jpg"):
        image = np.ascontiguousarray(cv2.imread(str(ASSETS / name))[..., ::-1])
        noise = np.random.default_rng(0).normal(0, 20, image.shape)
        coded = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 30])[1]
        pairs += [
            (image, np.clip(image + noise, 0, 255).astype(np.uint8)),
            (image, cv2.GaussianBlur(image, (0, 0), 2)),
            (image, np.ascontiguousarray(cv2.imdecode(coded, 1)[..., ::-1])),
        ]
    return pairs


def moments(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and unbiased covariance, as numpy has them."""
    return x.mean(0, dtype=np.float64), np.cov(x.astype(np.float64), rowvar=False)


def frechet(count: int) -> float:
    """Our distance of two sets of features."""
    from playmate_jax.metrics.feature_statistics import FeatureMoments, frechet_distance

    return frechet_distance(*(FeatureMoments.of(features(count, seed)) for seed in (1, 2)))


def frechet_by_scipy() -> Iterator[Row]:
    """The formula as it is written, with scipy's root of the product."""
    import scipy.linalg

    (m1, c1), (m2, c2) = (moments(features(IMAGES, seed)) for seed in (1, 2))
    root = scipy.linalg.sqrtm(c1 @ c2).real
    theirs = np.square(m1 - m2).sum() + np.trace(c1 + c2 - 2 * root)
    yield relative("FID, FVD", "scipy", frechet(IMAGES), theirs, EXACT, "float64")


def distances_by_clean_fid() -> Iterator[Row]:
    """Frechet's distance with full and singular covariances, and KID of one subset."""
    from cleanfid import fid

    from playmate_jax.metrics.feature_statistics import kernel_distance

    for count, name, tolerance, reason in (
        (IMAGES, "FID, FVD", EXACT, "float64"),
        (FEW, "FID, FVD, 100 rows", 1e-6, "root"),
    ):
        (m1, c1), (m2, c2) = (moments(features(count, seed)) for seed in (1, 2))
        theirs = fid.frechet_distance(m1, c1, m2, c2)
        yield relative(name, "clean-fid", frechet(count), theirs, tolerance, reason)
    made, true = (features(IMAGES, seed).astype(np.float64) for seed in (1, 2))
    theirs = fid.kernel_distance(true, made, num_subsets=1)
    yield relative("KID", "clean-fid", kernel_distance(made, true)[0], theirs, EXACT, "float64")


def distances_by_torchmetrics() -> Iterator[Row]:
    """Both distances through the public classes; a module that returns its input is the network."""
    import torch
    from torchmetrics.image.fid import FrechetInceptionDistance
    from torchmetrics.image.kid import KernelInceptionDistance

    from playmate_jax.metrics.feature_statistics import kernel_distance

    made, true = (torch.from_numpy(features(IMAGES, seed)) for seed in (1, 2))
    # torchmetrics tries the module on an image of three channels to learn the number of features
    fid = FrechetInceptionDistance(torch.nn.Flatten(), input_img_size=(1, 1, DIMENSIONS))
    fid = fid.set_dtype(torch.float64)
    kid = KernelInceptionDistance(torch.nn.Flatten(), subsets=1, subset_size=IMAGES)
    for metric in (fid, kid):
        metric.update(true.double(), real=True)
        metric.update(made.double(), real=False)
    yield relative("FID, FVD", "torchmetrics", frechet(IMAGES), fid.compute(), 1e-7, "float64")
    ours = kernel_distance(made.numpy(), true.numpy())[0]
    yield relative("KID", "torchmetrics", ours, kid.compute()[0], EXACT, "float64")


def images_by_scikit_image() -> Iterator[Row]:
    """PSNR and SSIM with the defaults of scikit-image, and SSIM with Gaussian windows."""
    from skimage.metrics import peak_signal_noise_ratio, structural_similarity

    from playmate_jax.metrics.videos.image_scores import psnr, ssim

    pairs, gaussian = image_pairs(), {"gaussian_weights": True, "use_sample_covariance": False}
    ours = [[psnr(*pair) for pair in pairs], [ssim(*pair) for pair in pairs]]
    theirs = [
        [peak_signal_noise_ratio(*pair, data_range=255) for pair in pairs],
        [structural_similarity(*pair, channel_axis=-1) for pair in pairs],
        [structural_similarity(*pair, channel_axis=-1, sigma=1.5, **gaussian) for pair in pairs],
    ]
    yield absolute("PSNR, dB", "scikit-image", ours[0], theirs[0], EXACT, "float64")
    yield absolute("SSIM", "scikit-image", ours[1], theirs[1], ROUNDING, "float64")
    yield absolute("SSIM", "scikit-image, Gaussian", ours[1], theirs[2], np.inf, "")


def images_by_torchmetrics() -> Iterator[Row]:
    """PSNR, and SSIM with torchmetrics' own default, Gaussian windows of 11."""
    import torch
    from torchmetrics.functional.image import (
        peak_signal_noise_ratio,
        structural_similarity_index_measure,
    )

    from playmate_jax.metrics.videos.image_scores import psnr, ssim

    def tensors(pair: tuple[np.ndarray, np.ndarray]) -> list[Any]:
        return [torch.from_numpy(x).double().movedim(-1, 0)[None] for x in pair]

    pairs = [(one[64:192, 64:192], other[64:192, 64:192]) for one, other in image_pairs()]
    theirs = [float(peak_signal_noise_ratio(*tensors(pair), data_range=255.0)) for pair in pairs]
    ours = [psnr(*pair) for pair in pairs]
    yield absolute("PSNR, dB", "torchmetrics", ours, theirs, 1e-4, "float32")
    theirs = [
        float(structural_similarity_index_measure(*tensors(pair), data_range=255.0))
        for pair in pairs
    ]
    yield absolute("SSIM", "torchmetrics", [ssim(*p) for p in pairs], theirs, np.inf, "")


def lpips_by_its_package() -> Iterator[Row]:
    """The distance of both trunks, with the package's heads and a synthetic trunk."""
    import jax
    import torch
    from flax.traverse_util import unflatten_dict

    from playmate_jax.converters import synthetic_weights
    from playmate_jax.converters.lpips import rules
    from playmate_jax.converters.rules import renamed, to_flax
    from playmate_jax.models.lpips import LPIPS, WIDTHS, LPIPSConfig

    lpips = importlib.import_module("lpips")
    pairs = [[x[64:192, 64:192] for x in pair] for pair in image_pairs()]
    one, other = (np.stack(side).astype(np.float32) / 255 for side in zip(*pairs, strict=True))
    for trunk, widths in WIDTHS.items():
        config = LPIPSConfig(trunk, widths)
        theirs = lpips.LPIPS(net=trunk, pnet_rand=True, verbose=False)
        manifest = {k: (v.shape, "float32") for k, v in theirs.net.state_dict().items()}
        drawn = synthetic_weights.state_dict(manifest, seed=0)
        theirs.net.load_state_dict({k: torch.from_numpy(v) for k, v in drawn.items()})
        state = renamed(theirs.state_dict(), rules.present_name)
        arrays = {name: value.numpy() for name, value in state.items()}
        leaves, _ = to_flax(rules.table(config), arrays, rules.leaf_shapes(config))
        with jax.default_matmul_precision("highest"):
            found = LPIPS(config).apply(unflatten_dict(leaves, sep="/"), one, other)
        tensors = [torch.from_numpy(np.moveaxis(x, -1, 1).copy()) for x in (one, other)]
        with torch.no_grad():
            wanted = theirs(*tensors, normalize=True).ravel().numpy()
        yield relative(f"LPIPS {trunk}", "lpips", found, wanted, SINGLE, "float32")


def cepstra_by_python_speech_features() -> Iterator[Row]:
    """SyncNet's input of the bundled speech."""
    from python_speech_features import mfcc as theirs

    from playmate_jax.media.audio import read_audio
    from playmate_jax.models.mfcc import mfcc
    from playmate_jax.motion.layout import AUDIO_HZ

    audio = (np.clip(read_audio(ASSETS / "speech.wav", AUDIO_HZ), -1, 1) * 32767).astype(np.int16)
    wanted = theirs(audio, AUDIO_HZ)
    yield relative("MFCC", "python_speech_features", mfcc(audio), wanted, EXACT, "float64")


def resized(convention: str) -> list[np.ndarray]:
    """The bundled images as InceptionV3 takes them, 299 x 299, in grey levels of 0 to 255."""
    from playmate_jax.metrics.videos.resizing import inception_input

    scale = 255.0 if convention == "pytorch-fid" else 256.0
    images = [pair[0] for pair in image_pairs()[::3]]
    found = [inception_input(jnp.asarray(x[None]), convention, 299) for x in images]
    return [np.asarray(x)[0] * scale for x in found]


def resize_by_pillow() -> Iterator[Row]:
    """Bicubic with antialiasing, each channel in float32."""
    from PIL import Image

    def theirs(image: np.ndarray) -> np.ndarray:
        bands = [Image.fromarray(image[..., c].astype(np.float32)) for c in range(3)]
        found = [np.asarray(band.resize((299, 299), Image.Resampling.BICUBIC)) for band in bands]
        return np.clip(np.stack(found, -1), 0, 255)

    wanted = [theirs(pair[0]) for pair in image_pairs()[::3]]
    yield absolute("resize clean-fid", "Pillow", resized("clean-fid"), wanted, 1e-3, "grey")


def resize_by_clean_fid() -> Iterator[Row]:
    """Its own resizer, and its one of pytorch-fid; and how far both lie apart."""
    from cleanfid.resize import build_resizer

    images = [pair[0] for pair in image_pairs()[::3]]
    clean, legacy = (
        [build_resizer(mode)(image) for image in images] for mode in ("clean", "legacy_pytorch")
    )
    yield absolute("resize clean-fid", "clean-fid", resized("clean-fid"), clean, 1e-3, "grey")
    yield absolute(
        "resize pytorch-fid", "clean-fid", resized("pytorch-fid"), legacy, BILINEAR, "rounded"
    )
    apart = resized("pytorch-fid")
    yield absolute("resize pytorch-fid", "clean-fid, clean", apart, clean, np.inf, "")


def resize_by_torch_fidelity() -> Iterator[Row]:
    """The bilinear resize of TensorFlow 1."""
    import torch
    from torch_fidelity.interpolate_compat_tensorflow import (
        interpolate_bilinear_2d_like_tensorflow1x as theirs,
    )

    images = [torch.from_numpy(pair[0]).float().movedim(-1, 0) for pair in image_pairs()[::3]]
    found = [theirs(image[None], (299, 299), align_corners=False)[0] for image in images]
    wanted = [x.movedim(0, -1).numpy() for x in found]
    ours = resized("torch-fidelity")
    yield absolute("resize torch-fidelity", "torch-fidelity", ours, wanted, BILINEAR, "rounded")


def confusion_by_scikit_learn() -> Iterator[Row]:
    """Who is taken for whom, and the share of frames that show what was asked for."""
    from sklearn.metrics import accuracy_score, confusion_matrix

    from playmate_jax.metrics.videos.set_scores import emotion_accuracy
    from playmate_jax.models.efficientnet import LABELS
    from playmate_jax.motion.layout import EMOTIONS, Emotion

    rng = np.random.default_rng(0)
    logits = {f"clip {i}": rng.standard_normal((50, len(LABELS))) for i in range(24)}
    labels = {name: Emotion(i % len(EMOTIONS)) for i, name in enumerate(logits)}
    for name, rows in logits.items():
        rows[:, LABELS.index(labels[name])] += 1
    found = emotion_accuracy(logits, labels)
    asked = np.repeat([int(labels[name]) for name in logits], 50)
    seen = [int(LABELS[i]) for rows in logits.values() for i in rows.argmax(1)]
    wanted = confusion_matrix(asked, seen, labels=range(len(EMOTIONS)))
    ours = found["confusion"]["frames"]
    yield absolute("Emo-A, confusion", "scikit-learn", ours, wanted, 0, "counts")
    accuracy = 100 * accuracy_score(asked, seen)
    yield absolute("Emo-A, %", "scikit-learn", found["emo_a"].mean, accuracy, EXACT, "float64")


CHECKS: tuple[Callable[[], Iterator[Row]], ...] = (
    frechet_by_scipy, distances_by_clean_fid, distances_by_torchmetrics, images_by_scikit_image,
    images_by_torchmetrics, lpips_by_its_package, cepstra_by_python_speech_features,
    resize_by_pillow, resize_by_clean_fid, resize_by_torch_fidelity, confusion_by_scikit_learn,
)  # fmt: skip


def main(argv: list[str] | None = None) -> int:
    """Prints the table and what was left out; the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", type=Path, help="also write the rows to this file")
    given = parser.parse_args(argv)
    warnings.simplefilter("ignore", category=FutureWarning)
    warnings.simplefilter("ignore", category=DeprecationWarning)
    warnings.simplefilter("ignore", category=UserWarning)
    rows, left_out = compare(CHECKS)
    print(markdown(rows))
    for name, why in left_out.items():
        print(f"left out: {name}: {why}")
    if given.json:
        told = [{**row._asdict(), "tolerance": str(row.tolerance)} for row in rows]
        given.json.write_text(json.dumps({"rows": told, "left_out": left_out}, indent=1) + "\n")
    bad = [row for row in rows if not row.difference <= row.tolerance]
    return int(bool(bad) or not rows)


if __name__ == "__main__":
    sys.exit(main())

"""How sharp a small renderer's faces are, against true images of 512 x 512, with the source's
carried detail and without it.

    playmate prepare drawn --out runs/faces_512 --seed 8 --identities 60 --hours 0.1 --size 512 \
        --set seconds=6 --set frames=8 --set head_motion=2 --set varied=true
    python benchmarks/sharpness.py runs/faces_512 --picture sharpness.png

The first frame of each person is the source; M reads every other one, which the renderer draws
again. "Plain" is G's own image, enlarged. Gradient energy is the mean square of the differences
between neighbouring pixels, over that of the true image; gradient error their mean absolute
difference from the true ones, over the true ones' mean size. Turned: the head by 15 degrees or more
away from the source. Frames a second: both are drawn in turn, three times.
"""

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float

from playmate_jax.hub.bundles import find_parts
from playmate_jax.hub.weights import load_weights
from playmate_jax.inference.face_renderer import FaceRenderer
from playmate_jax.metrics.reconstruction import psnr
from playmate_jax.metrics.renderer.people import ALL, Person, open_people

SIDE, TURNED_DEG = 512, 15.0
FIGURES = ("psnr_db", "gradient_energy", "gradient_error")


def gradients(images: Float[np.ndarray, "n h w 3"]) -> Float[np.ndarray, "n h w 6"]:
    """Differences to the next pixel, to the right and below."""
    across = np.diff(images, axis=2, append=images[:, :, -1:])
    down = np.diff(images, axis=1, append=images[:, -1:])
    return np.concatenate([across, down], -1)


def figures(
    drawn: Float[np.ndarray, "n h w 3"], true: Float[np.ndarray, "n h w 3"]
) -> Float[np.ndarray, "n 3"]:
    """PSNR, gradient energy and gradient error of each image (`FIGURES`)."""
    own, wanted = gradients(drawn), gradients(true)
    energy, error, size = (
        x.mean((1, 2, 3)) for x in (np.square(own), np.abs(own - wanted), np.abs(wanted))
    )
    return np.stack(
        [psnr(drawn, true), energy / np.square(wanted).mean((1, 2, 3)), error / size], 1
    )


def redrawn(renderer: FaceRenderer, person: Person, carried: bool) -> Float[np.ndarray, "n h w 3"]:
    """Every frame but the first, as the renderer draws it from the first."""
    faces = np.rint(person.images * 255).astype(np.uint8)
    small = [shrunk(face, renderer.input_size) for face in faces]
    motion = renderer.motion_of_all(small[1:])
    source = renderer.encode_source(faces[0] if carried else small[0])
    drawn = np.concatenate(list(renderer.draw(source, motion)))
    return np.stack([enlarged(image) for image in drawn]).astype(np.float32) / 255


def shrunk(image: np.ndarray, side: int) -> np.ndarray:
    """At that side, by means over areas."""
    return cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)


def enlarged(image: np.ndarray) -> np.ndarray:
    """At 512 x 512, cubic; one of that size as it is."""
    return cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)


def turn_deg(person: Person) -> Float[np.ndarray, " n"]:
    """The largest difference of an angle between every frame and the first."""
    assert person.truth is not None
    return np.abs(person.truth.pose[1:, :3] - person.truth.pose[:1, :3]).max(1)


def frames_per_s(renderer: FaceRenderer, person: Person, carried: bool) -> float:
    """Of drawing alone, 64 frames."""
    face = np.rint(person.images[0] * 255).astype(np.uint8)
    source = renderer.encode_source(face if carried else shrunk(face, renderer.input_size))
    motion = np.repeat(source.motion[None], 64, 0)
    list(renderer.draw(source, motion[:8]))
    began = time.perf_counter()
    count = sum(len(images) for images in renderer.draw(source, motion))
    return count / (time.perf_counter() - began)


def rows(found: dict[str, np.ndarray], turned: np.ndarray) -> Iterator[str]:
    """A Markdown table: means over all images, and over those of turned heads."""
    yield "| | images | PSNR, dB | gradient energy | gradient error |"
    yield "|---|---|---|---|---|"
    for name, values in found.items():
        for label, chosen in (("", np.ones_like(turned)), (", turned", turned)):
            if chosen.any():
                mean = values[chosen].mean(0)
                cells = f"{mean[0]:.2f} | {mean[1]:.2f} | {mean[2]:.2f}"
                yield f"| {name}{label} | {chosen.sum()} | {cells} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("data", type=Path, help="synthetic faces of 512 x 512")
    parser.add_argument("--weights", default="demo", help="a small renderer (default demo)")
    parser.add_argument("--people", type=int, default=48)
    parser.add_argument("--picture", type=Path, help="source, truth, plain and carried, as PNG")
    parser.add_argument("--json", type=Path, help="write the means here")
    options = parser.parse_args()

    folder = find_parts(options.weights)["renderer"]
    config, params, _ = load_weights(folder)
    renderer = FaceRenderer.from_weights(config, params, str(folder))
    parts: dict[str, list[np.ndarray]] = {"plain": [], "carried": []}
    turned, strips, person = [], [], None
    for person in open_people(options.data, SIDE, options.people, ALL):
        turned.append(turn_deg(person) >= TURNED_DEG)
        drawn = {name: redrawn(renderer, person, name == "carried") for name in parts}
        for name, images in drawn.items():
            parts[name].append(figures(images, person.images[1:]))
        at = int(turn_deg(person).argmax())
        strips.append(np.concatenate([person.images[0], person.images[1 + at],
                                      drawn["plain"][at], drawn["carried"][at]], 1))  # fmt: skip
    assert person is not None
    found, still = {k: np.concatenate(v) for k, v in parts.items()}, np.concatenate(turned)
    print("\n".join(rows(found, still)))
    rates = {
        name: [frames_per_s(renderer, person, name == "carried") for _ in range(3)]
        for name in found
    }
    for name, values in rates.items():
        print(f"{name}: {np.median(values):.1f} frames/s")
    if options.json:
        means = {k: dict(zip(FIGURES, v.mean(0).tolist(), strict=True)) for k, v in found.items()}
        options.json.write_text(json.dumps(means, indent=1) + "\n", "utf-8")
    if options.picture:
        sheet = np.rint(np.clip(np.concatenate(strips[:8]), 0, 1) * 255).astype(np.uint8)
        cv2.imwrite(str(options.picture), sheet[..., ::-1])


if __name__ == "__main__":
    main()

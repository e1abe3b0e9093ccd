"""How well the demo world's own networks of the metrics see: on people and voices held out.

    python -m playmate_jax.metrics.demo_networks runs/speaking/test.npz

measures the shipped ones (weights/metrics), on what data/speaking_people.py made with --held-out:

    sync      the score at no shift (`sync.Sync.at_rest`) while the sound comes 0 ... 15 frames too
              early, and the share of clips whose shift is found exactly, and within a frame
    emotion   share of true frames, and of clips by their mean logits, that show their emotion
"""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jaxtyping import Float, Int

from playmate_jax.data.speaking_people import SpeakingPeople, read_people
from playmate_jax.hub.bundles import METRICS
from playmate_jax.metrics.figures import add_arguments, deliver, show
from playmate_jax.metrics.sync import DEMO, REACH, SyncScore, compare, load_syncnet
from playmate_jax.metrics.videos.networks import load_network
from playmate_jax.models.small.emotion_classifier import KIND
from playmate_jax.motion.layout import EMOTIONS


def sync_figures(
    score: SyncScore, people: SpeakingPeople, pause: Callable[[], None] = lambda: None
) -> dict[str, Any]:
    """What becomes of the score as the sound is moved against the lips.

    All shifts are compared on equally many windows of a clip, its length less REACH.

    Returns:
      at_rest: mean score at no shift, for every shift of the sound; found, found_within_1: share
      of clips whose shift is the offset that was measured, over all shifts.
    """
    at_rest, errors = [], []
    for frames, audio in zip(people.mouths, people.speech, strict=True):
        pause()
        lips, speech = score.embed(frames, audio)
        n = len(lips) - REACH
        clip = [compare(lips[:n], speech[k : k + n]) for k in range(REACH + 1)]
        at_rest.append([found.at_rest for found in clip])
        errors.append([abs(found.offset - k) for k, found in enumerate(clip)])
    wrong = np.array(errors)
    return {
        "clips": len(wrong),
        "at_rest": np.mean(at_rest, axis=0).tolist(),
        "found": float((wrong == 0).mean()),
        "found_within_1": float((wrong <= 1).mean()),
    }


def emotion_figures(
    logits: Float[np.ndarray, "n k e"], emotion: Int[np.ndarray, " n"]
) -> dict[str, Any]:
    """Accuracy over n clips of k frames, and who is taken for whom.

    Returns:
      frames_right, clips_right: shares; by_emotion: shares of the frames of each.
    """
    right = logits.argmax(-1) == emotion[:, None]
    whole = logits.mean(1).argmax(-1) == emotion
    by_emotion = {
        name: float(right[emotion == e].mean())
        for e, name in enumerate(EMOTIONS)
        if (emotion == e).any()
    }
    return {
        "clips": len(emotion),
        "frames_right": float(right.mean()),
        "clips_right": float(whole.mean()),
        "by_emotion": by_emotion,
    }


def measured(people: SpeakingPeople, weights: Path = METRICS) -> dict[str, dict[str, Any]]:
    """The figures of both networks, by the names of their folders in `weights`."""
    network = load_network(KIND, weights / KIND)
    function = jax.jit(lambda faces: network.apply(faces.astype(np.float32) / 255.0))
    logits = np.stack([function(faces) for faces in people.faces])
    return {
        DEMO: sync_figures(load_syncnet(weights / DEMO, DEMO), people),
        KIND: emotion_figures(logits, people.emotion),
    }


def main(argv: Sequence[str] | None = None) -> None:
    """Command line: measures both networks and shows the figures."""
    parser = argparse.ArgumentParser(description="Measure the demo world's own networks.")
    parser.add_argument("people", help="clips of data/speaking_people.py")
    parser.add_argument("--weights", type=Path, default=METRICS, help="folder of both (shipped)")
    add_arguments(parser)
    args = parser.parse_args(argv)
    found = measured(read_people(args.people), args.weights)
    for name, figures in found.items():
        show(name, figures)
        deliver({"held_out": figures}, None, args.weights / name if args.card else None)
    deliver(found, args.json, None)


if __name__ == "__main__":
    main()

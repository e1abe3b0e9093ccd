# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Making a video
#
# The bundled portrait speaks the bundled recording, with the weights that come with the package.
# Nothing is downloaded but the two face models, on first use. Needs `pip install playmate-jax`.

# %%
from pathlib import Path

import numpy as np
from IPython.display import Image, display

import playmate_jax
from playmate_jax.inference import Animator
from playmate_jax.media import open_video, read_audio, write_image
from playmate_jax.synthetic.expression import UNIT, units_from_expression

assets = Path(playmate_jax.__file__).parent / "assets"
animator = Animator.from_weights("demo")

# %% [markdown]
# Two seconds of the recording, mono at 16 kHz. The motion is made at once; frames are drawn when
# they are asked for.

# %%
speech = read_audio(assets / "speech.wav")[: 2 * 16_000]
neutral = animator.animate(assets / "portrait.png", speech, max_side=320, seed=7)
happy = animator.animate(assets / "portrait.png", speech, max_side=320, seed=7, emotion="happy")
aside = animator.animate(assets / "portrait.png", speech, max_side=320, seed=7, gaze=(0.8, 0))
print(len(neutral), "frames of", neutral.size, "in seconds:", neutral.motion.shape[0] / 25)

# %% [markdown]
# The same seed gives the same motion, another emotion another face (rows: neutral, happy, looking
# aside).


# %%
def strip(animation, numbers=(0, 12, 24, 36, 48)):
    """Some frames of an animation, side by side."""
    frames = [frame for i, frame in enumerate(animation) if i in numbers]
    return np.concatenate(frames, axis=1)


write_image("rows.jpg", np.concatenate([strip(a) for a in (neutral, happy, aside)]))
display(Image("rows.jpg", width=900))

# %% [markdown]
# A video with the label "AI-generated" in its corner, and what is in it.

# %%
path = happy.write("happy.mp4", mark=True, overwrite=True)
frames = [frame.image for frame in open_video(path)]
print(path, len(frames), frames[0].shape)
write_image("last.jpg", frames[-1])
display(Image("last.jpg"))

# %% [markdown]
# The motion is an array of 70 numbers a frame (`playmate_jax/motion/layout.py`). How far the lips
# are apart, as the synthetic faces have it, follows the speech:

# %%
jaw = units_from_expression(neutral.motion[:, :63])[:, UNIT["jaw"]]
for t in range(0, 50, 2):
    print(f"{t / 25:4.2f} s  " + "#" * int(40 * max(0.0, float(jaw[t]))))

# %% [markdown]
# From the command line, the second one is
# `playmate animate portrait.jpg speech.wav --max-side 320 --seed 7 --emotion happy --mark`.

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
# # Converting weights
#
# To PyTorch and back, bit for bit. Needs `pip install 'playmate-jax[convert]'`. The demo's motion
# generator stands for your own weights; LivePortrait's, JoyVASA's and others are converted by the
# same command (docs/convert.md).

# %%
from pathlib import Path

import numpy as np
from flax.traverse_util import flatten_dict
from safetensors.numpy import load_file, save_file

import playmate_jax
from playmate_jax.hub.weights import load_weights

demo = Path(playmate_jax.__file__).parent / "weights" / "demo" / "generator"
Path("generator").unlink(missing_ok=True)
Path("generator").symlink_to(demo)

# %%
# !playmate convert playmate generator generator.safetensors --to torch --overwrite --quiet

# %% [markdown]
# The file has PyTorch's names and layouts:

# %%
tensors = load_file("generator.safetensors")
print(len(tensors), "tensors,", sum(t.size for t in tensors.values()), "numbers")
for name in sorted(tensors)[:8]:
    print(f"{name:60} {tensors[name].shape} {tensors[name].dtype}")

# %% [markdown]
# And back, with every layer of the JAX network compared to the PyTorch reference on one input:

# %%
# !playmate convert playmate generator.safetensors back --verify --overwrite --quiet

# %%
ours, back = (flatten_dict(load_weights(path)[1], sep="/") for path in (demo, "back"))
assert ours.keys() == back.keys()
assert all(np.array_equal(ours[name], back[name]) for name in ours)
print(len(ours), "parameters are the same, bit for bit")

# %% [markdown]
# A file that lost the configuration which the export keeps in it is refused, in one sentence:

# %%
damaged = dict(tensors)
damaged["renamed"] = damaged.pop(sorted(damaged)[0])
save_file(damaged, "damaged.safetensors")

# %%
# !playmate convert playmate damaged.safetensors never --quiet

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
# # Training the smallest generator
#
# `configs/tiny_stage1.py` learns lips from speech on synthetic faces in a minute or two of two
# CPU cores. Needs `pip install 'playmate-jax[train,prepare]'`. What it makes is no use for
# videos; larger configurations are trained by the same commands (docs/train.md).

# %%
import json
from pathlib import Path

# %% [markdown]
# Training data: synthetic people who speak synthetic speech, 32 x 32.

# %% language="bash"
# small="--identities 30 --hours 0.06 --size 32 --set seconds=4.5 --set frames=1 --quiet"
# playmate prepare drawn --out data/neutral --seed 5 $small --set emotional=false
# playmate prepare drawn --out data/emotional --seed 6 $small

# %% [markdown]
# A run, which would go on from its last checkpoint if it was stopped:

# %% language="bash"
# config=$(python -c "from playmate_jax.configs import tiny_stage1; print(tiny_stage1.__file__)")
# playmate train "$config" --workdir run --steps 300 \
#   --set clips=data/neutral --set statistics=data/neutral,data/emotional

# %%
rows = [json.loads(line) for line in Path("run/metrics.jsonl").read_text().splitlines()]
training = [row for row in rows if "train/loss" in row or "loss" in row]
for row in training:
    print(row["step"], {k: round(v, 4) for k, v in row.items() if k.endswith("loss")})

# %% [markdown]
# What it learned, on clips of people whom it never saw: how well the jaw follows its own speech,
# and another clip's.

# %%
for name, value in sorted(rows[-1].items()):
    if name.startswith("held_out/"):
        print(f"{name:40} {value:.3f}")

# %% [markdown]
# The finished weights, which `--generator` of `playmate animate` reads:

# %%
files = (path for path in Path("run/weights").rglob("*") if path.is_file())
print(*sorted(map(str, files)), sep="\n")

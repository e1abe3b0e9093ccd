"""TFDS builders of the data sets.

    python -m playmate_jax.prepare.builders drawn_faces --config small --data_dir data
    python -m playmate_jax.prepare.builders talking_clips --config prepared --manual_dir data/mine

These are TFDS's own `tfds build`, with all its options; `tfds build
playmate_jax/prepare/builders/drawn_faces.py` does the same where `tfds` starts: the command of TFDS
4.9.10 needs TensorFlow and mlcroissant for that, although building needs neither. Both
`data.record_source.open_records` and `tfds.data_source` read the result.
"""

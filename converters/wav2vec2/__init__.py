"""wav2vec 2.0, a speech encoder: transformers' folder, or one of our files."""

from playmate_jax.converters.wav2vec2.speech_family import speech_family

FAMILY = speech_family("wav2vec2", "wav2vec 2.0, a speech encoder")

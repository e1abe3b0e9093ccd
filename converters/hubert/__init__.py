"""HuBERT, a speech encoder: wav2vec 2.0's network, table and references under another name."""

from playmate_jax.converters.wav2vec2.speech_family import speech_family

FAMILY = speech_family("hubert", "HuBERT, a speech encoder")

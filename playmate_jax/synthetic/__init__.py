"""Synthetic faces: procedurally rendered talking heads and synthetic speech, with ground truth for
identity, pose, expression, emotion, phonemes and every pixel.
"""

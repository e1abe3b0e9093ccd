"""Networks: the renderer F, M, W, G, S, speech, the motion generator, weights on disk."""

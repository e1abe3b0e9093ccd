"""Networks: the renderer F, M, W, G, S, speech, the motion denoiser, loss networks."""

"""W and G of LivePortrait for drawing: the same functions with the algebra done once.

The plain modules (`models/warping.py`, `models/spade.py`) are the readable definition and what
training uses. Here their parameters are folded, once, into others (`renderer.fold`), and pure
functions of those draw the same images with fewer multiplications: norms are part of kernels,
convolutions of enlarged arrays are made at the small size, and on a CPU most of the rest is done
in Winograd's or Fourier's domain.
"""

"""Networks as serialised JAX programs, which run without this project's code.

networks (as for ONNX, and W and G folded) -> programs (traced for any batch) -> export (the
command's program: files, and a check by what was read back).
"""

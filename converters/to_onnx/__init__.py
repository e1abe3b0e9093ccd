"""Networks as ONNX files: a JAX function is traced, and each of its primitives becomes ONNX nodes.

graph.py holds nodes and arrays, `elementwise.py`, `shapes.py`, `contractions.py`, `reductions.py`
and `gathers.py` are tables from a primitive's name to the function that writes it, `translation.py`
walks the traced function, `networks.py` says which functions a weights directory has, `check.py`
runs the files by onnxruntime, and `export.py` is the program.
"""

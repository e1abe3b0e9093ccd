"""F, M, W and G of small renderers: what runs on a CPU in real time and is shipped as the demo.

The chain is LivePortrait's (`models/renderer.py`), the networks inside are cheaper: convolutions in
2-D with group normalisation, and the head's own motion as one of W's candidates.
"""

"""The evaluation of a face space: how well it redraws people, and how far pose and expression mix.

figures, sheets = evaluate(load_face_space("runs/face/weights"), open_people("data/mine", 128))
"""

"""Generated videos against real ones: the paper's Tables 1 and 2, and what they leave out.

evaluation = Evaluation(Request(["ours=out/"], Path("real/"), Path("results/")))
found = evaluation.run(TfliteLandmarker())
write(evaluation, found)
"""

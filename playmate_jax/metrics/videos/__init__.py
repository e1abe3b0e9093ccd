"""Generated videos against real ones: the paper's Tables 1 and 2, and what they leave out.

evaluate(systems, reference, find_protocol("whole-512"), METRICS, Networks.find(None), out)
"""

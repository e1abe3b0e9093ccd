"""The motion vector of 70 numbers: layout, normalisation, windows, noise, joining of windows."""

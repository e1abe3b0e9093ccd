"""The 70-number motion: its layout, normalisation, windows, previous-motion noise and joints."""

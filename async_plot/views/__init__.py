"""Surfaces that show a run: a Plotter on a canvas, the strip, the window."""

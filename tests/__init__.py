"""Tests of async_plot, file for file beside the package."""

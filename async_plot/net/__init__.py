"""Sockets, the background thread, run files, and how a viewer is started."""

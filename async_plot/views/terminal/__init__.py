"""The terminal view, on textual, in a process of its own; no calculation imports it."""

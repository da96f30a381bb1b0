"""Engines: what performs the tasks of a job, each a thin layer over somebody's pool."""

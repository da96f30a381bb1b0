"""Gives what is done by a deadline more time than is promised to users.

A machine that stands still for a second takes all of half a second. Each process that
a test starts finds this on its path; the tests' own process is told by `conftest`.
"""

import sys
from importlib.machinery import PathFinder

CONSTANTS = {  # seconds
    "async_plot.net.session": {"EXIT_DELAY": 6.0},
    "async_plot.net.death": {"_PATIENCE": 6.0},
    "async_plot.jobs.reporter": {"FAREWELL": 6.0, "SETTLE": 6.0},
    "async_plot.net.screen": {"LEAVING": 6.0, "WRITING": 6.0},
    "async_plot.jobs.deaths": {"_PATIENCE": 6.0},
}


class _Patience:
    """Finds these modules where they are, and changes them once they are loaded."""

    def find_spec(self, name, path=None, target=None):
        if name not in CONSTANTS:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None:
            load = spec.loader.exec_module

            def load_and_change(module):
                load(module)
                vars(module).update(CONSTANTS[name])

            spec.loader.exec_module = load_and_change
        return spec


if __name__ == "sitecustomize":
    sys.meta_path.insert(0, _Patience())

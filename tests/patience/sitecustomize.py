"""Lets runs of scripts take longer to end than is promised, as `conftest` does.

A script that a test starts finds this on its path, and with it every process that it
starts itself. Nothing of the package is imported before the script does.
"""

import sys
from importlib.machinery import PathFinder

EXIT_DELAY = 6.0  # seconds


class _Patience:
    """Finds the one module, where it is, and changes a constant once it is loaded."""

    def find_spec(self, name, path=None, target=None):
        if name != "async_plot.net.session":
            return None
        sys.meta_path.remove(self)
        spec = PathFinder.find_spec(name, path, target)
        load = spec.loader.exec_module

        def load_and_change(module):
            load(module)
            module.EXIT_DELAY = EXIT_DELAY

        spec.loader.exec_module = load_and_change
        return spec


sys.meta_path.insert(0, _Patience())

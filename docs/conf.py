"""Sphinx's settings: what is read, and how docstrings are shown. Fetches nothing."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import async_plot

project = "async_plot"
author = "the async_plot developers"
release = version = async_plot.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
]

# `performance_tables.rst` is written by the benchmarks and included by a page.
exclude_patterns = ["_build", "_measured", "performance_tables.rst"]

# -- docstrings --------------------------------------------------------------------

# A name in single backticks links if it can be imported, and is emphasized if not:
# docstrings name parameters that way too.
default_role = "autolink"
autosummary_generate = False
autodoc_typehints = "none"  # the parameters' own section tells their types
autodoc_member_order = "bysource"
autoclass_content = "class"
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False

# No network: nothing of another project can be linked to. Docstrings name fields of
# their class, and modules that are no user's business, in single backticks too.
nitpick_ignore_regex = [
    ("py:obj", r"[a-z_]+|async_plot\.wire\.[a-z]+"),
    ("py:.*", r"(logging|collections|matplotlib|numpy|pathlib|socket)\..*"),
    (
        "py:(obj|class|exc)",
        r"(Exception|TypeError|ValueError|LookupError|ConnectionError|OSError"
        r"|PermissionError|KeyboardInterrupt|object|enum\..*|str|int)",
    ),
]

# -- pages -------------------------------------------------------------------------

html_theme = "alabaster"
html_title = f"async_plot {release}"
html_static_path = ["_static"] if (Path(__file__).parent / "_static").is_dir() else []
html_show_sourcelink = False
html_show_copyright = False
highlight_language = "text"  # of a block that says no language: mostly a shell
html_theme_options = {
    "description": "Watch a long calculation without slowing it down.",
    "fixed_sidebar": True,
    "page_width": "1180px",
    "sidebar_width": "240px",
    "show_powered_by": False,
    "show_relbars": True,
}
html_sidebars = {"**": ["about.html", "searchfield.html", "navigation.html"]}

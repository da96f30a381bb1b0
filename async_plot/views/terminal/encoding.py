"""Texts for a terminal that has few characters: each sign gives way to a plain one.

Knows no terminal: an encoding is a name.
"""

from __future__ import annotations

import codecs

from rich.cells import cell_len

__all__ = ["encodable", "has_signs"]

_SIGNS = str.maketrans(
    {
        **dict.fromkeys("━▌█", "#"),
        **{"╸": "=", "─": "-", "▏": "|", "│": "|", "…": "~", "·": ".", "●": "o"},
        **{"▶": ">", "✔": "+", "■": "!", "✖": "X", "‖": "|", "↺": "@", "▲": "!"},
        **{"▾": "v", "▸": ">", "\N{MULTIPLICATION SIGN}": "x"},
        # Those of matplotlib's numbers, and of prose.
        **dict.fromkeys("\N{MINUS SIGN}\N{EN DASH}\N{EM DASH}", "-"),
        **dict.fromkeys("\u2009\u202f\u00a0", " "),
        **dict(zip("▁▂▃▄▅▆▇", "_..--''")),
    }
)


def has_signs(encoding: str | None) -> bool:
    """Whether an encoding has the signs that the view draws with."""
    try:
        codecs.encode("━╸─▶●▁…\u2009", encoding or "ascii")
    except (LookupError, UnicodeError):
        return False
    return True


def encodable(text: str, encoding: str) -> str:
    """Put plain characters, as wide, in place of those that an encoding lacks.

    Parameters
    ----------
    text : str
        Maybe with control sequences, which stay.
    encoding : str
        Its name.
    """
    try:
        codecs.encode(text, encoding)
        return text
    except UnicodeError:
        text = text.translate(_SIGNS)
    found = []
    for character in text:
        try:
            codecs.encode(character, encoding)
            found.append(character)
        except UnicodeError:
            found.append("?" * cell_len(character))
    return "".join(found)

"""A notebook's cell: a place to show pictures and words in, from any thread.

Knows ipykernel's objects, and imports nothing of it: they are there, or this is no
notebook. Knows no process and no run.
"""

from __future__ import annotations

import base64
import html
import secrets
from typing import Any

from ..errors import ProtocolError
from ..wire.messages import Picture, Words

__all__ = ["Cell", "picture_bundle", "words_bundle"]

Bundle = dict[str, Any]  # what the message's `data` holds, by MIME type

_PNG = b"\x89PNG\r\n\x1a\n"
_LARGEST = 20_000  # pixels along an edge, for a page
_LINE = 2000  # characters of one piece of text

# As in the window's strip; on whatever paper the page has.
_STATES = {
    "running": ("#007a59", "●"),
    "finished": ("#0067a8", "✓"),
    "interrupted": ("#9a6500", "■"),
    "failed": ("#c04a00", "✗"),
    "stalled": ("#7d6c00", "‖"),
    "lost": ("#9a4a7c", "?"),
}
_STYLES = {
    "name": "font-weight:600",
    "faint": "opacity:0.7",
    "alarm": "font-weight:600;color:var(--jp-error-color1,"
    "var(--vscode-errorForeground,#c62828))",
    "warning": "font-weight:600;color:var(--jp-warn-color1,"
    "var(--vscode-editorWarning-foreground,#b06000))",
}
_FONT = (
    "font-family:var(--jp-ui-font-family,sans-serif);font-size:12px;line-height:1.7;"
    "font-variant-numeric:tabular-nums"
)


class Cell:
    """The cell that is being run now.

    What is shown later, from any thread, still appears there: its messages name the
    request that ran it, whatever runs meanwhile.

    Parameters
    ----------
    shell : ZMQInteractiveShell
        The kernel's, as `async_plot.net.surroundings.notebook` gives it.

    Attributes
    ----------
    execution : str
        Which time of running; another one each time.
    key : str
        What is the same when the cell is run again; empty if that is not known.
    """

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._publisher = shell.display_pub
        self._parent, self.execution, self.key = _request(shell)
        self._prefix = f"async_plot-{secrets.token_hex(8)}"
        self._shown: dict[str, tuple[Bundle, Bundle]] = {}

    def show(self, name: str, data: Bundle, metadata: Bundle | None = None) -> None:
        """Show something, in the place of what was shown under that name.

        Raises
        ------
        Exception
            Whatever a kernel that is shutting down may raise.
        """
        again = name in self._shown
        self._shown[name] = data, metadata or {}
        self._send(name, "update_display_data" if again else "display_data")

    def follow(self) -> bool:
        """Go along if this very cell is being run again; say whether it is.

        A page empties a cell that is run again: everything is shown anew.
        """
        parent, execution, key = _request(self._shell)
        if not self.key or key != self.key or execution == self.execution:
            return False
        self._parent, self.execution = parent, execution
        self._prefix = f"async_plot-{secrets.token_hex(8)}"
        for name in self._shown:
            self._send(name, "display_data")
        return True

    def _send(self, name: str, kind: str) -> None:
        data, metadata = self._shown[name]
        # Not by IPython's `publish`: it flushes the streams, which may wait, and may
        # keep all that it ever showed. This hands the message to the kernel's own
        # thread and comes back.
        publisher = self._publisher
        publisher.session.send(
            publisher.pub_socket,
            kind,
            {
                "data": data,
                "metadata": metadata,
                "transient": {"display_id": f"{self._prefix}-{name}"},
            },
            parent=self._parent,
            ident=publisher.topic,
        )


def _request(shell: Any) -> tuple[dict[str, Any], str, str]:
    """Parent, number and key of the request that is being served."""
    parent = shell.get_parent() or {}
    header = parent.get("header") or {}
    if header.get("msg_type") != "execute_request":  # a widget's, or none at all
        return {"header": header} if header else {}, str(header.get("msg_id", "")), ""
    # JupyterLab and VS Code say which cell it is; elsewhere its text has to do.
    identity = (parent.get("metadata") or {}).get("cellId")
    text = (parent.get("content") or {}).get("code", "")
    return {"header": header}, str(header.get("msg_id", "")), str(identity or text)


def picture_bundle(picture: Picture) -> tuple[Bundle, Bundle]:
    """Data and metadata that show a picture.

    Raises
    ------
    ProtocolError
        If it is none.
    """
    memory = picture.buffers[0] if len(picture.buffers) == 1 else b""
    if bytes(memory[: len(_PNG)]) != _PNG:
        raise ProtocolError("a picture that is no PNG file")
    size = {
        "width": min(max(1, picture.width), _LARGEST),
        "height": min(max(1, picture.height), _LARGEST),
    }
    text = picture.text[:_LINE]
    data = {"image/png": base64.b64encode(memory).decode("ascii"), "text/plain": text}
    return data, {"image/png": {**size, "alt": text}}


def words_bundle(words: Words) -> Bundle:
    """Data that show the strip: as text, and as text with colours."""
    plain: list[str] = []
    page: list[str] = []
    for text, kind in zip(words.texts, words.kinds):
        text = text[:_LINE]
        if kind == "line":
            plain.append("\n")
            page.append("<br>")
            continue
        colour, mark = _STATES.get(kind, ("", ""))
        if mark:
            text = f"{mark} {text}"
            style = f"background:{colour};color:#fff;padding:1px 8px;border-radius:9px"
        else:
            style = _STYLES.get(kind, "")
        if plain and plain[-1] != "\n":
            plain.append("  ")
            page.append(" &ensp;")
        plain.append(text)
        page.append(f'<span style="{style}">{html.escape(text)}</span>')
    inner = "".join(page)
    if words.details:
        whole = html.escape(words.details)
        inner += (
            '<details><summary style="cursor:pointer;opacity:0.7">whole text</summary>'
            f'<pre style="font-size:11px;overflow:auto">{whole}</pre></details>'
        )
    return {
        "text/plain": "".join(plain),
        "text/html": f'<div style="{_FONT}">{inner}</div>',
    }

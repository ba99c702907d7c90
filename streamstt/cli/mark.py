"""``streamstt mark``: a new set of transcripts."""

import asyncio
from typing import Annotated

import typer

from streamstt.cli.options import CaOption, TokenOption, out
from streamstt.client import request_control


def mark(
    title: Annotated[str, typer.Argument(help="Becomes part of the file names; without one, the time.")] = "",
    url: Annotated[str, typer.Option("--url", help="Port, HOST:PORT, or address of a daemon.")] = "ws://127.0.0.1:8765",
    token: TokenOption = "",
    ca: CaOption = None,
) -> None:
    """Begin a new set of transcript files in a running daemon, for example at the start of a meeting."""
    answer = asyncio.run(request_control(url, {"type": "mark", "title": title}, token=token, ca=ca))
    out.print(f"A new transcript begins: {answer['name']}", highlight=False, markup=False, soft_wrap=True)

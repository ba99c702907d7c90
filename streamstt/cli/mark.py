"""``streamstt mark``: starts a new set of transcripts in a running daemon."""

import asyncio
from typing import Annotated

import typer

from streamstt.cli.options import CaOption, TokenOption, out
from streamstt.client import request_control


def mark(
    title: Annotated[str, typer.Argument(help="Part of the file names; by default the time.")] = "",
    url: Annotated[str, typer.Option("--url", help="Port, HOST:PORT, or address of a daemon.")] = "ws://127.0.0.1:8765",
    token: TokenOption = "",
    ca: CaOption = None,
) -> None:
    """Start a new set of transcript files in a running daemon, for example at the start of a meeting."""
    reply = asyncio.run(request_control(url, {"type": "mark", "title": title}, token=token, ca=ca))
    out.print(f"New transcript: {reply['name']}", highlight=False, markup=False, soft_wrap=True)

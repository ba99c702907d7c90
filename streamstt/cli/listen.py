"""``streamstt listen``: follows a running daemon."""

import asyncio
import json
from contextlib import aclosing
from typing import Annotated, Any

import typer

from streamstt.cli.interrupts import exit_on_interrupt
from streamstt.cli.options import CaOption, TokenOption, err, out
from streamstt.client import stream_messages
from streamstt.terminal.caption_view import CaptionView


def listen(
    url: Annotated[str, typer.Argument(help="Port, HOST:PORT, or address of a daemon.")] = "ws://127.0.0.1:8765",
    as_json: Annotated[
        bool, typer.Option("--json", help="Print every message of the protocol, one JSON object per line.")
    ] = False,
    source: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Show only this source (name or label); may be repeated.")
    ] = None,
    token: TokenOption = "",
    ca: CaOption = None,
) -> None:
    """Follow a running daemon's captions in the terminal."""
    view = CaptionView(out, err, source or ())

    def show_status(text: str) -> None:
        if as_json:
            err.print(f"({text})", highlight=False, markup=False, soft_wrap=True)
        else:
            view.on_disconnect(text)

    async def follow() -> None:
        async with aclosing(stream_messages(url, token=token, ca=ca, on_status=show_status)) as messages:
            async for message in messages:
                if not as_json:
                    view.show(message)
                elif _is_selected(message, source):
                    typer.echo(json.dumps(message, ensure_ascii=False))

    try:
        with exit_on_interrupt():
            asyncio.run(follow())
    finally:
        view.close()


def _is_selected(message: dict[str, Any], sources: list[str] | None) -> bool:
    """Returns whether a message is of a selected source, or of none."""
    return not sources or message.get("source", sources[0]) in sources

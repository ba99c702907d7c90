"""``streamstt listen``: follow a running daemon."""

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
    as_json: Annotated[bool, typer.Option("--json", help="Every message as it comes, a JSON object a line.")] = False,
    source: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only this source, by name or label; may be repeated.")
    ] = None,
    token: TokenOption = "",
    ca: CaOption = None,
) -> None:
    """Follow a running daemon's captions in the terminal."""
    view = CaptionView(out, err, source or ())

    def tell(text: str) -> None:
        if as_json:
            err.print(f"({text})", highlight=False, markup=False, soft_wrap=True)
        else:
            view.on_disconnect(text)

    async def watch() -> None:
        async with aclosing(stream_messages(url, token=token, ca=ca, on_status=tell)) as messages:
            async for message in messages:
                if not as_json:
                    view.show(message)
                elif _is_selected(message, source):
                    typer.echo(json.dumps(message, ensure_ascii=False))

    try:
        with exit_on_interrupt():
            asyncio.run(watch())
    finally:
        view.close()


def _is_selected(message: dict[str, Any], sources: list[str] | None) -> bool:
    """Of the whole daemon, or of a source that is wanted; ``hello`` is left as it is."""
    return not sources or message.get("source", sources[0]) in sources

"""``streamstt listen``: follows a running daemon."""

import asyncio
import json
from contextlib import aclosing
from typing import Annotated, Any

import typer

from streamstt.cli.interrupts import exit_on_interrupt
from streamstt.cli.local_daemon import find_daemon
from streamstt.cli.options import URL_HELP, CaOption, ConfigOption, TokenOption, err, out
from streamstt.client import stream_messages
from streamstt.server.access import Role
from streamstt.terminal.caption_view import CaptionView


def listen(
    url: Annotated[str | None, typer.Argument(help=URL_HELP, show_default=False)] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print every message of the protocol, one JSON object per line.")
    ] = False,
    source: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Show only this source (name or label); may be repeated.")
    ] = None,
    token: TokenOption = "",
    ca: CaOption = None,
    config: ConfigOption = None,
) -> None:
    """Follow a running daemon's captions in the terminal.

    Without an address it is the daemon with your settings; its token and its certificate are found by them, too.
    """
    access = find_daemon(url, token, ca, config, Role.VIEWER)
    view = CaptionView(out, err, source or ())

    def show_status(text: str) -> None:
        if as_json:
            err.print(f"({text})", highlight=False, markup=False, soft_wrap=True)
        else:
            view.on_disconnect(text)

    async def follow() -> None:
        messages = stream_messages(access.url, token=access.token, ca=access.trust, on_status=show_status)
        async with aclosing(messages):
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

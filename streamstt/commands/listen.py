"""``streamstt listen``: follow a running daemon."""

import asyncio
import json
import logging
import sys
from contextlib import aclosing
from typing import Annotated

import typer

from streamstt.commands.options import Authority, Token, out
from streamstt.follow import follow
from streamstt.terminal import CaptionView


def listen(
    url: Annotated[str, typer.Argument(help="Port, HOST:PORT, or address of a daemon.")] = "ws://127.0.0.1:8765",
    as_json: Annotated[bool, typer.Option("--json", help="Every message as it comes, a JSON object a line.")] = False,
    token: Token = "",
    ca: Authority = None,
) -> None:
    """Follow a running daemon's captions in the terminal."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    view = CaptionView(out)

    async def watch() -> None:
        async with aclosing(follow(url, token=token, ca=ca)) as messages:
            async for message in messages:
                if as_json:
                    typer.echo(json.dumps(message, ensure_ascii=False))
                else:
                    view.show(message)

    asyncio.run(watch())

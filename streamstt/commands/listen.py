"""``streamstt listen``: follow a running daemon."""

import asyncio
import json
import logging
import sys
from contextlib import aclosing
from pathlib import Path
from typing import Annotated

import typer

from streamstt.commands.options import out
from streamstt.follow import follow
from streamstt.terminal import CaptionView


def listen(
    url: Annotated[str, typer.Argument(help="Port, HOST:PORT, or address of a daemon.")] = "ws://127.0.0.1:8765",
    as_json: Annotated[bool, typer.Option("--json", help="Every message as it comes, a JSON object a line.")] = False,
    token: Annotated[
        str, typer.Option(envvar="STREAMSTT_TOKEN", show_default=False, help="If the daemon wants one; or in the URL.")
    ] = "",
    ca: Annotated[
        Path | None, typer.Option(metavar="FILE", help="PEM certificate to trust, of a daemon that made its own.")
    ] = None,
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

"""``streamstt mark``: starts a new set of transcripts in a running daemon."""

import asyncio
from typing import Annotated

import typer

from streamstt.cli.local_daemon import find_daemon
from streamstt.cli.options import URL_HELP, CaOption, ConfigOption, TokenOption, out
from streamstt.client import request_control
from streamstt.server.access import Role


def mark(
    title: Annotated[str, typer.Argument(help="Part of the file names; by default the time.")] = "",
    url: Annotated[str | None, typer.Option("--url", metavar="URL", help=URL_HELP)] = None,
    token: TokenOption = "",
    ca: CaOption = None,
    config: ConfigOption = None,
) -> None:
    """Start a new set of transcript files in a running daemon, for example at the start of a meeting."""
    access = find_daemon(url, token, ca, config, Role.CONTROL)
    request = {"type": "mark", "title": title}
    reply = asyncio.run(request_control(access.url, request, token=access.token, ca=access.trust))
    out.print(f"New transcript: {reply['name']}", highlight=False, markup=False, soft_wrap=True)

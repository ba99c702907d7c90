"""Runs ``search.find`` in a process with an environment of its own, and serves files to it over HTTP."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

SCRIPT = """
import json, logging, sys
from pathlib import Path
from streamstt.errors import ModelError
from streamstt.whisper.checkpoints import search
logging.basicConfig(level="INFO", format="%(message)s")
name, cache, refetch = sys.argv[1:]
report = lambda *event: print(json.dumps(event), flush=True)
try:
    checkpoint = search.find(name, cache=Path(cache), progress=report, refetch=refetch == "True")
except ModelError as error:
    sys.exit(str(error))
report("found", checkpoint.origin, str(checkpoint.folder))
"""
TINY = "openai--whisper-tiny.en"  # its entry in the cache
NO_HUB = "http://127.0.0.1:9"  # the discard port: connections are refused at once


def start(name: str, cache: Path, env: Mapping[str, str] = {}, *, refetch: bool = False) -> subprocess.Popen[str]:
    """Starts a process that finds a model. Unless ``env`` sets them, there is no hub, and its cache is empty."""
    command = [sys.executable, "-c", SCRIPT, name, str(cache), str(refetch)]
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "TRANSFORMERS_"))}
    environment |= {"HF_ENDPOINT": NO_HUB, "HF_HOME": str(cache.parent / "huggingface")} | env
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def run(
    name: str, cache: Path, env: Mapping[str, str] = {}, *, refetch: bool = False
) -> subprocess.CompletedProcess[str]:
    """Runs such a process to its end."""
    with start(name, cache, env, refetch=refetch) as process:
        out, err = process.communicate(timeout=300)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def events(result: subprocess.CompletedProcess[str]) -> list[list[str | int | None]]:
    """Returns what the process reported: progress, and at last ["found", origin, folder]."""
    assert result.returncode == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def entries(cache: Path) -> list[str]:
    """Lists a cache without its locks."""
    return sorted(path.name for path in cache.iterdir() if path.suffix != ".lock") if cache.is_dir() else []


@contextmanager
def server(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """Serves on a free port; yields the address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as http:
        thread = threading.Thread(target=http.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{http.server_address[1]}"
        finally:
            http.shutdown()
            thread.join()


def flip_bit(path: Path, at: int = -1000) -> None:
    """Changes one bit of the byte at an offset."""
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)

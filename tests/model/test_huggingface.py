"""Models from the Hugging Face hub: the real client, and a small hub on a local port."""

import hashlib
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from tests.support.model_search import events, flip_bit, run, server

HUB_FILES = ("config.json", "preprocessor_config.json", "tokenizer.json", "model.safetensors")


class Hub(BaseHTTPRequestHandler):
    """As much of the hub as a download needs, with small files that only resemble a model."""

    commit = "0123456789" * 4

    def do_GET(self) -> None:
        status, body, headers = self.answer()
        self.send_response(status)
        for key, value in {"Content-Length": str(len(body)), "X-Repo-Commit": self.commit, **headers}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815 - the name in the base class

    def answer(self) -> tuple[int, bytes, dict[str, str]]:
        path = self.path.split("?")[0]
        if path == "/":
            return 200, b"", {}
        if "openai/whisper-small" in path:
            name = path.rpartition("/")[2]
            if "/resolve/" in path and name in HUB_FILES:
                return 200, content(name), {"ETag": f'"{hashlib.sha256(content(name)).hexdigest()}"'}
            files = [{"type": "file", "path": name, "size": len(content(name)), "oid": "0" * 40} for name in HUB_FILES]
            files.append({"type": "file", "path": "tf_model.h5", "size": 10**9, "oid": "0" * 40})
            siblings = [{"rfilename": file["path"]} for file in files]
            info = {"id": "openai/whisper-small", "sha": self.commit, "siblings": siblings}
            return 200, json.dumps(files if "/tree/" in path else info).encode(), {"Content-Type": "application/json"}
        if "secret/gated" in path:
            return 403, b"{}", {"X-Error-Code": "GatedRepo"}
        if "broken/broken" in path:
            return 500, b"{}", {}
        return 404, b"{}", {"X-Error-Code": "RepoNotFound"}

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in the base class
        """Logs nothing."""


def content(name: str) -> bytes:
    return json.dumps({"model_type": "whisper", "name": name}).encode() if name.endswith("json") else bytes(300_000)


@pytest.fixture(scope="module")
def hub() -> Iterator[dict[str, str]]:
    with server(Hub) as address:
        yield {"HF_ENDPOINT": address, "HF_HUB_DISABLE_XET": "1"}


def test_a_model_from_the_hub(hub: dict[str, str], tmp_path: Path) -> None:
    """Only necessary files are fetched, into the Hugging Face cache; there the model is found offline, and verified."""
    *progress, found = events(run("small", tmp_path / "cache", hub))
    assert found[1] == "hub"
    folder = Path(str(found[2]))
    assert sorted(path.name for path in folder.iterdir()) == sorted(HUB_FILES)
    assert progress, "progress is reported"
    assert progress[-1][1] == sum(len(content(name)) for name in HUB_FILES)
    assert events(run("small", tmp_path / "cache")) == [["found", "cache", str(folder)]]
    flip_bit((folder / "model.safetensors").resolve())
    damaged = run("small", tmp_path / "cache")
    assert damaged.returncode == 1
    assert "model.safetensors is damaged" in damaged.stderr
    assert "run `streamstt models fetch small --force`" in damaged.stderr
    assert events(run("small", tmp_path / "cache", hub, refetch=True))[-1] == ["found", "hub", str(folder)]
    assert events(run("small", tmp_path / "cache")) == [["found", "cache", str(folder)]]


@pytest.mark.parametrize(
    ("name", "messages"),
    [
        (
            "openai/whisper-bsae",
            ("there is no model openai/whisper-bsae, or it is private", "Did you mean 'openai/whisper-base'?"),
        ),
        ("secret/gated", ("secret/gated is gated: accept its terms on http://127.0.0.1",)),
        ("broken/broken", ("the hub refused broken/broken: ",)),
    ],
)
def test_a_model_that_the_hub_refuses(
    hub: dict[str, str], tmp_path: Path, name: str, messages: tuple[str, ...]
) -> None:
    """A hub that answers but refuses the model has its own message."""
    result = run(name, tmp_path / "cache", hub)
    assert result.returncode == 1
    assert all(message in result.stderr for message in messages)

"""The example clients on the protocol page work as it says."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.support.wait import WebDriverWait

from tests.support.daemon import DATA, SENTENCES, WITHIN_S, environment, write_brisk_script
from tests.support.forked import Daemon, start
from tests.support.page_scripts import DENO
from tests.support.paths import ROOT

PAGE = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
ADDRESS = "ws://127.0.0.1:8765"
FIRST = SENTENCES[0]


def block(language: str) -> str:
    """Returns the page's only code block in a language."""
    (code,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    assert ADDRESS in code
    return str(code)


@pytest.fixture(scope="module")
def talking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A daemon that plays back the script."""
    script = write_brisk_script(tmp_path_factory.mktemp("script"))
    with Daemon(*script, "--source", f"file:{DATA / 'long_sentence.flac'}", "--loop") as daemon:
        yield daemon


def test_python_client(talking: Daemon) -> None:
    """The Python client prints finals."""
    code = block("python").replace(ADDRESS, talking.url.replace("http", "ws", 1))
    env = environment({"PYTHONUNBUFFERED": "1"})
    client = start([sys.executable, "-c", code], stdout=subprocess.PIPE, env=env, text=True)
    assert client.stdout is not None
    assert client.stdout.readline().strip() in SENTENCES  # from wherever in the script it connected
    client.kill()
    client.wait()
    client.stdout.close()


def test_javascript_program(talking: Daemon, tmp_path: Path) -> None:
    """The JavaScript client is also a program of its own, here for Deno, which has the WebSocket of browsers."""
    script = tmp_path / "client.js"
    script.write_text(block("js").replace(ADDRESS, talking.url.replace("http", "ws", 1)))
    deno = [str(DENO), "run", "--allow-net", str(script)]
    env = environment({"DENO_DIR": str(tmp_path), "NO_COLOR": "1"})
    with subprocess.Popen(deno, stdout=subprocess.PIPE, env=env, text=True) as client:
        assert client.stdout is not None
        assert any(line.strip() in SENTENCES for line in client.stdout)
        client.kill()


def test_javascript_client(talking: Daemon, browser: Chrome) -> None:
    """The JavaScript client logs finals, and partials with their stable part separated."""
    browser.get(talking.url)
    code = block("js").replace(ADDRESS, talking.url.replace("http", "ws", 1))
    browser.execute_script(f"window.lines = []; console.log = (...words) => lines.push(words.join(' ')); {code}")
    WebDriverWait(browser, WITHIN_S).until(lambda b: FIRST in b.execute_script("return lines"))
    partial = re.compile(r"… Every( \w+)* \|  \w")
    WebDriverWait(browser, WITHIN_S).until(lambda b: any(map(partial.match, b.execute_script("return lines"))))

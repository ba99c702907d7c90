"""Runs the pages' scripts that need no browser, with Deno."""

import json
import subprocess
import sysconfig
from importlib.resources import files
from pathlib import Path
from typing import Any

from streamstt.text.word_lists import word_lists
from tests.support.paths import ROOT

DENO = Path(sysconfig.get_path("scripts")) / "deno"
PAGES = ROOT / "streamstt" / "server" / "pages"
LANGUAGE_DATA = """
  import { addModel } from "./shared/phrases.js";
  import { setWordLists } from "./shared/word_lists.js";
  setWordLists(wordLists);
  for (const [model, weights] of Object.entries(models)) addModel(model, weights);
"""


def evaluate(script: str, **values: Any) -> Any:
    """Runs a module in the folder of the pages, with these values as constants.

    Returns:
        What it gives to ``output``.
    """
    constants = "".join(f"const {name} = {json.dumps(value)};\n" for name, value in values.items())
    output = "const output = (value) => console.log(JSON.stringify(value));\n"
    done = subprocess.run(
        [DENO, "run", "--quiet", "--no-config", "--no-lock", "--no-remote", "--allow-read=.", "--ext=js", "-"],
        input=f"{output}{constants}{script}",
        cwd=PAGES,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def evaluate_with_data(script: str, **values: Any) -> Any:
    """As ``evaluate``, after the page has loaded what the server knows of languages."""
    models = {
        model: json.loads((files("budoux") / "models" / f"{model}.json").read_text(encoding="utf-8"))
        for model in ("ja", "zh-hans", "zh-hant", "th")
    }
    return evaluate(LANGUAGE_DATA + script, wordLists=word_lists(), models=models, **values)

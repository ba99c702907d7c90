"""Which languages a model knows, as far as that can be told without loading or fetching it."""

from pathlib import Path

from streamstt.whisper.checkpoints import search
from streamstt.whisper.checkpoints.layout import Layout, detect_layout, read_json
from streamstt.whisper.checkpoints.names import LANGUAGES, REPOSITORIES
from streamstt.whisper.model_choice import AUTO

ENGLISH_SUFFIX = ".en"


def known_languages(name: str) -> tuple[str, ...] | None:
    """Returns the language codes that a model knows; None if only loading it tells.

    Args:
        name: "auto", short name, id on the Hugging Face hub, or folder.

    Raises:
        ModelError: The name is unknown, or the folder does not hold a complete model.
    """
    if name == AUTO:
        return tuple(LANGUAGES.split())  # the choice depends on the languages
    if folder := search.find_local(name):
        return folder_languages(folder)
    if name not in {*REPOSITORIES, *REPOSITORIES.values()}:
        return None
    return ("en",) if name.endswith(ENGLISH_SUFFIX) else tuple(LANGUAGES.split())


def folder_languages(folder: Path) -> tuple[str, ...] | None:
    """Returns the language codes of the model in a folder; None if its files do not list them.

    Raises:
        ModelError: The folder does not hold a complete model.
    """
    path = folder / "generation_config.json"
    if detect_layout(folder) is not Layout.TRANSFORMERS or not path.is_file():
        return None
    codes = read_json(path).get("lang_to_id") or ("en",)  # English-only models list none
    return tuple(sorted(str(code).strip("<|>") for code in codes))

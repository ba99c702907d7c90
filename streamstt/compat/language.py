"""Language tags, as clients of other protocols send them. Pure."""


def base_language(tag: str) -> str:
    """Returns the language of a tag: ``en`` for ``en-US``."""
    return tag.replace("_", "-").partition("-")[0].lower()

"""What the sections of the configuration are made of."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """Base of the sections: frozen, and an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def split_list(value: object) -> object:
    """One string with commas as a list; anything else as it is."""
    if not isinstance(value, str):
        return value
    return [term for part in value.split(",") if (term := part.strip())]

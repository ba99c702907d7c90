"""Base class and helpers of the configuration's sections."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """Base class of all sections: frozen; an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def split_list(value: object) -> object:
    """Splits a comma-separated string into a list; returns any other value unchanged."""
    if not isinstance(value, str):
        return value
    return [term for part in value.split(",") if (term := part.strip())]

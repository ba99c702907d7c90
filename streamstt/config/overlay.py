"""How the overlay looks unless its address says otherwise: the ``[overlay]`` section, and the same for the page.

The page knows no setting by itself: names, defaults, limits and help of its query are those that are declared here.
"""

from typing import Any, Literal

from pydantic import Field, field_validator

from streamstt.config.base import Section, split_list

COLOR_PATTERN = r"^(#?([0-9A-Fa-f]{3,4}|[0-9A-Fa-f]{6}|[0-9A-Fa-f]{8})|[A-Za-z]{3,24}|rgba?\([0-9.,%/ ]{5,40}\))$"
"""A colour as CSS has it: ``#ffcc00``, ``#000c`` (the last digits: how opaque), ``gold``, ``rgb(0 0 0 / 80%)``."""

ScreenPosition = Literal["bottom", "bottom-left", "bottom-right", "middle", "top", "top-left", "top-right"]


class OverlaySettings(Section):
    """How the overlay looks; each setting can be given in its address as well, as in /overlay?lines=3&chars=32."""

    font: str = Field(
        "Atkinson Hyperlegible Next",
        pattern=r"^[\w .,+-]{1,200}$",
        description="Family, the one that comes along or any that is installed where the overlay is shown.",
    )
    weight: int = Field(600, ge=200, le=900, description="Weight of the letters; 400 is regular, 700 is bold.")
    size: float = Field(
        3.4, ge=0.5, le=20, description="Size of the letters (hundredths of the picture's width, CSS vw)."
    )
    color: str = Field("#ffffff", pattern=COLOR_PATTERN, description="Colour of the text.")
    background: str = Field(
        "#000000cc", pattern=COLOR_PATTERN, description='Colour of the box, with opacity; "none": no box.'
    )
    outline: float = Field(
        0, ge=0, le=20, description="Width of an outline around the letters (hundredths of their size), 0: none."
    )
    position: ScreenPosition = Field("bottom", description="Where the captions stand.")
    margin: float = Field(6, ge=0, le=45, description="Distance from that edge (hundredths of the picture's height).")
    align: Literal["auto", "left", "center", "right"] = Field(
        "auto", description="Where lines begin; auto: where the script begins. Centred lines move while they grow."
    )
    lines: int = Field(2, ge=1, le=4, description="Lines that are visible.")
    chars: int = Field(
        42, ge=10, le=100, description="Characters a line at most; Chinese, Japanese and Korean ones count two."
    )
    mode: Literal["rollup", "popon"] = Field("rollup", description="rollup: word by word; popon: whole phrases.")
    tentative: Literal["dim", "plain", "hide"] = Field(
        "dim", description="rollup: how words look that may still change; hide: they wait until they are certain."
    )
    labels: Literal["auto", "on", "off"] = Field(
        "auto", description="Whether a speaker's label stands before the words; auto: when there are several."
    )
    colors: Literal["label", "text", "off"] = Field(
        "label", description="What has the source's colour: its label, its whole text, or nothing."
    )
    upper: bool = Field(False, description="Capital letters only.")
    dir: Literal["auto", "ltr", "rtl"] = Field("auto", description="Direction of writing; auto: as the words have it.")
    clear: float = Field(5, ge=0, le=120, description="The screen is empty so long after the last word (s); 0: never.")
    min: float = Field(1, ge=0, le=20, description="popon: a phrase is shown at least so long (s).")
    cps: float = Field(
        17, ge=5, le=60, description="Reading speed (characters a second); popon: shown as long as it takes to read."
    )
    source: tuple[str, ...] = Field(
        (), max_length=50, description="Names of the sources that are shown; none: all. In the address once for each."
    )

    @field_validator("source", mode="before")
    @classmethod
    def _parse_list(cls, value: object) -> object:
        """One string, as from the command line, is a list with commas."""
        return split_list(value)


def settings_and_schema(overlay: OverlaySettings) -> dict[str, Any]:
    """What the overlay and its designer need to know.

    Args:
        overlay: Those in force.

    Returns:
        ``settings`` by name, and ``schema``: of each its type, default, limits and help (JSON Schema).
    """
    return {"settings": overlay.model_dump(mode="json"), "schema": OverlaySettings.model_json_schema()["properties"]}

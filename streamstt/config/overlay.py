"""Appearance of the overlay: the ``[overlay]`` section, and its JSON Schema for the page.

The page declares no setting of its own: names, defaults, limits and help of its query parameters are declared here.
"""

from typing import Any, Literal

from pydantic import Field, field_validator

from streamstt.config.base import Section, split_list
from streamstt.config.colors import COLOR_PATTERN, check_color

ScreenPosition = Literal["bottom", "bottom-left", "bottom-right", "middle", "top", "top-left", "top-right"]


class OverlaySettings(Section):
    """Appearance of the overlay; each setting can also be given in its address, as in /overlay?lines=3&chars=32."""

    font: str = Field(
        "Atkinson Hyperlegible Next",
        max_length=200,  # not in the pattern: compiled for so many letters of all scripts, it takes 18 MB
        pattern=r"^[\w .,+-]+$",
        description="Font family: the bundled one, or any installed on the machine that shows the overlay.",
    )
    weight: int = Field(600, ge=200, le=900, description="Font weight; 400 is regular, 700 is bold.")
    size: float = Field(3.4, ge=0.5, le=20, description="Font size (percent of the picture's width, CSS vw).")
    color: str = Field("#ffffff", pattern=COLOR_PATTERN, description="Color of the text.")
    background: str = Field(
        "#000000cc", pattern=COLOR_PATTERN, description='Color of the box, with opacity; "none": no box.'
    )
    outline: float = Field(
        0, ge=0, le=20, description="Width of the outline around the letters (percent of the font size); 0: none."
    )
    position: ScreenPosition = Field("bottom", description="Position of the captions.")
    margin: float = Field(6, ge=0, le=45, description="Distance from the edge (percent of the picture's height).")
    align: Literal["auto", "left", "center", "right"] = Field(
        "auto",
        description="Alignment of the lines; auto: where the script begins. Centered lines move while they grow.",
    )
    lines: int = Field(2, ge=1, le=4, description="Number of lines.")
    chars: int = Field(
        42,
        ge=10,
        le=100,
        description="Maximum characters per line; Chinese, Japanese and Korean characters count as two.",
    )
    mode: Literal["rollup", "popon"] = Field("rollup", description="rollup: word by word; popon: whole phrases.")
    tentative: Literal["dim", "plain", "hide"] = Field(
        "dim", description="rollup: style of words that may still change; hide: not shown until they are stable."
    )
    labels: Literal["auto", "on", "off"] = Field(
        "auto", description="Whether captions begin with the source's label; auto: if there are several sources."
    )
    colors: Literal["label", "text", "off"] = Field(
        "label", description="What is drawn in the source's color: its label, its text, or nothing."
    )
    upper: bool = Field(False, description="Capital letters only.")
    dir: Literal["auto", "ltr", "rtl"] = Field("auto", description="Writing direction; auto: that of the text.")
    clear: float = Field(5, ge=0, le=120, description="Clear the screen this long after the last word (s); 0: never.")
    min: float = Field(1, ge=0, le=20, description="popon: minimum time that a phrase is shown (s).")
    cps: float = Field(
        17,
        ge=5,
        le=60,
        description="Reading speed (characters per second); popon: a phrase is shown as long as it takes to read.",
    )
    source: tuple[str, ...] = Field(
        (),
        max_length=50,
        description="Names of the sources to show; empty: all. In the address, repeat it for each source.",
    )

    @field_validator("color", "background")
    @classmethod
    def _check_color(cls, value: str) -> str:
        return check_color(value)

    @field_validator("source", mode="before")
    @classmethod
    def _parse_list(cls, value: object) -> object:
        """Accepts one comma-separated string, as from the command line."""
        return split_list(value)


def settings_and_schema(overlay: OverlaySettings) -> dict[str, Any]:
    """Returns what the overlay page and its designer need.

    Args:
        overlay: Settings in force.

    Returns:
        ``settings``: name to value; ``schema``: name to type, default, limits and help (JSON Schema).
    """
    return {"settings": overlay.model_dump(mode="json"), "schema": OverlaySettings.model_json_schema()["properties"]}

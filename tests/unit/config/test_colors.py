"""Colors in settings: what no page could show is a mistake."""

import pytest

from streamstt.config.loader import settings_from_mapping
from streamstt.errors import ConfigError


@pytest.mark.parametrize(
    "color",
    [
        "gold",
        "Gold",
        "transparent",
        "none",
        "#fc0",
        "ffcc00",
        "rgb(255 204 0)",
        "rgba(0, 0, 0, .5)",
        "rgb(0 0 0 / 80%)",
    ],
)
def test_colors(color: str) -> None:
    """A name of CSS, hexadecimal digits with or without #, or rgb()."""
    settings = settings_from_mapping({"source": [{"input": "ws", "color": color}], "overlay.color": color})
    assert settings.source[0].color == settings.overlay.color == color


@pytest.mark.parametrize("wrong", ["gould", "blau", "#ff", "#12345", "rgb(1 2)", "rgb(1 2 3 4 5)", "red;x"])
def test_wrong_colors(wrong: str) -> None:
    """Anything else is a mistake that shows the value and examples."""
    with pytest.raises(ConfigError) as raised:
        settings_from_mapping({"source": [{"input": "ws", "color": wrong}]})
    assert wrong in str(raised.value)
    assert "olor" in str(raised.value)

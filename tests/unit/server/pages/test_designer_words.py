"""The designer's words and presets fit the settings of the overlay."""

from typing import Literal, get_args, get_origin

import pytest

from streamstt.config.overlay import OverlaySettings
from tests.support.page_scripts import evaluate

FIELDS = OverlaySettings.model_fields


def test_every_setting_has_words() -> None:
    """Each setting is in a group, with a label; each choice and its help are in words, not in values."""
    script = """
      import { CHOICES, GROUPS, HELP, LABELS } from "./designer/words.js";
      output({ choices: CHOICES, groups: GROUPS.flatMap(([, names]) => names), help: HELP, labels: LABELS });
    """
    words = evaluate(script)
    assert sorted(words["groups"]) == sorted(words["labels"]) == sorted(FIELDS)
    choices = {
        name: set(get_args(field.annotation))
        for name, field in FIELDS.items()
        if get_origin(field.annotation) is Literal
    }
    assert {name: set(texts) for name, texts in words["choices"].items()} == choices
    values = {"rollup", "popon", "auto", "ltr", "rtl"}
    for name, field in FIELDS.items():
        help_text = words["help"].get(name) or field.description
        shown = [words["labels"][name], help_text, *words["choices"].get(name, {}).values()]
        assert not values & set(" ".join(shown).replace(":", "").split()), name


def test_presets_are_valid() -> None:
    """Each preset has only settings that exist, with valid values, and no two are the same."""
    presets = evaluate('import { PRESETS } from "./designer/presets.js"; output(PRESETS);')
    looks = [OverlaySettings.model_validate(settings) for _, settings in presets]
    assert len({look.model_dump_json() for look in looks}) == len({name for name, _ in presets}) == len(presets)
    assert {look.mode for look in looks} == {"rollup", "popon"}


@pytest.mark.parametrize(("configured", "address"), [({}, {}), ({"lines": 4}, {"lines": "2"})])
def test_a_preset_overrides_what_is_configured(configured: dict[str, int], address: dict[str, str]) -> None:
    """The first preset is the default look, whatever the daemon's configuration; the sources remain selected."""
    script = """
      import { isPreset, PRESETS, withPreset } from "./designer/presets.js";
      import { toQuery } from "./overlay/settings.js";
      const values = withPreset(PRESETS[0][1], description, { ...description.settings, source: ["you"] });
      const pressed = PRESETS.map(([, preset]) => isPreset(preset, description, values));
      output([Object.fromEntries(toQuery(values, description)), pressed]);
    """
    settings = OverlaySettings.model_validate(configured)
    schema = OverlaySettings.model_json_schema()["properties"]
    description = {"settings": settings.model_dump(mode="json"), "schema": schema}
    query, pressed = evaluate(script, description=description)
    assert query == address | {"source": "you"}
    assert pressed == [True] + [False] * (len(pressed) - 1)

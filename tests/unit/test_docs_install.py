"""docs/install.md: the folders that it names for removal are those of the code, its extras those of the package."""

import re
import tomllib

import pytest

from streamstt.config import loader
from streamstt.service.units import UnitLocation
from streamstt.whisper.checkpoints.cache import default_cache_root
from tests.support.paths import ROOT

PAGE = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")
REMOVAL = PAGE.partition("## Removal")[2]
TABLE = [line for line in REMOVAL.splitlines() if line.startswith("| ")][1:]


@pytest.fixture(autouse=True)
def _home(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user whose folders are the usual ones."""
    for variable in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "STATE_DIRECTORY"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HOME", "/home/you")


def named(column: int) -> list[str]:
    """Returns the paths in a column of the table."""
    return [cell for row in TABLE for cell in re.findall(r"`([~/][^`]+)`", row.split("|")[column])]


def test_folders_of_a_user() -> None:
    """Models, state, settings and the unit of a user are in the table, and the folders in the command for removal."""
    written = [default_cache_root(), loader.state_folder({}), loader.user_file(), UnitLocation(system=False).file]
    for path in written:
        shown = str(path).replace("/home/you", "~")
        assert any(shown == folder or shown.startswith(f"{folder}/") for folder in named(1)), shown
    (command,) = re.findall(r"^rm -r (~/\.cache.*)$", REMOVAL, re.MULTILINE)
    assert sorted(command.split()) == [
        str(folder).replace("/home/you", "~")
        for folder in sorted([default_cache_root().parent, loader.user_file().parent, loader.state_folder({})])
    ]


def test_folders_of_the_system_service() -> None:
    """The folders of the unit, the settings of the machine, and the unit itself are in the table."""
    unit = (ROOT / "systemd" / "system" / "streamstt.service").read_text(encoding="utf-8")
    folders = dict(re.findall(r"^(State|Cache|Runtime|Logs|Configuration)Directory=(.+)$", unit, re.MULTILINE))
    written = {"State": "/var/lib", "Cache": "/var/cache"}
    assert set(folders) == set(written), "a new kind of folder belongs into the table"
    paths = {f"{written[kind]}/{name}" for kind, name in folders.items()}
    paths |= {str(loader.SYSTEM_FILE.parent), str(UnitLocation(system=True).file)}
    assert paths <= set(named(2))


def test_no_other_folders() -> None:
    """The code asks for no other folder of the user."""
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "streamstt").rglob("*.py"))
    calls = re.findall(r"\b(?:user|site)_\w+_(?:dir|path)\([^)]*\)", code)
    known = {'user_config_dir("streamstt")', 'user_state_dir("streamstt")', 'user_cache_path("streamstt")'}
    assert set(calls) == known | {"user_config_dir()"}, "the last one is for systemd's units"


def test_extras() -> None:
    """The page names each extra."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    table = PAGE.partition("## Extras")[2].partition("\n\nThey")[0]
    cells = "".join(row.split("|")[1] for row in table.splitlines() if row.startswith("| `"))
    assert set(re.findall(r"`(\w+)`", cells)) == set(extras)


def test_the_address_is_in_one_place() -> None:
    """The project's own address is in pyproject.toml, once; everything else refers to it."""
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (url,) = tomllib.loads(project)["project"]["urls"].values()
    address = url.removeprefix("https://").removesuffix(".git")
    assert project.count(address) == 1
    folders = [ROOT / name for name in ("streamstt", "docs", "scripts", "systemd", "config")]
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    files += [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "Makefile", "Containerfile")]
    assert [path for path in files if address.encode() in path.read_bytes()] == []

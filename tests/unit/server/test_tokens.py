"""Where tokens come from."""

import stat
from pathlib import Path

import pytest

from streamstt.config.server import ServerSettings
from streamstt.errors import ConfigError
from streamstt.server.access import ALL_ROLES, NO_ROLE, Role, TokenSet
from streamstt.server.tokens import load_tokens, token_for, will_create_tokens

EVERYBODY = ServerSettings(host="0.0.0.0")
LONG = "a-long-enough-token.1"


def keys(settings: ServerSettings, environ: dict[str, str]) -> TokenSet:
    found = load_tokens(settings, environ)
    assert found is not None
    return found


def test_loopback_needs_none(tmp_path: Path) -> None:
    """On loopback nothing is demanded, and nothing written."""
    state = {"STATE_DIRECTORY": str(tmp_path)}
    assert load_tokens(ServerSettings(), state) is None
    assert not will_create_tokens(ServerSettings(), state)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("settings", [EVERYBODY, ServerSettings(require_token=True)])
def test_first_start(tmp_path: Path, settings: ServerSettings) -> None:
    """Tokens are made once, long ones, a role each, in a file and folder for the owner's eyes only."""
    state = {"STATE_DIRECTORY": str(tmp_path / "state")}
    assert will_create_tokens(settings, state)
    made = keys(settings, state)
    assert not will_create_tokens(settings, state)
    assert keys(settings, state) == made
    (file,) = (tmp_path / "state").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert [roles for _, roles in made.tokens] == [Role.VIEWER, Role.SPEAKER, ALL_ROLES]
    assert len({token for token, _ in made.tokens}) == 3
    assert all(len(token) >= 32 for token, _ in made.tokens)
    assert made.location == str(file)
    assert made.roles(token_for(made, Role.VIEWER)) == Role.VIEWER, "the token to share allows no more than to read"
    assert made.roles(token_for(made, Role.CONTROL)) == ALL_ROLES


def test_every_machine_its_own(tmp_path: Path) -> None:
    """Two daemons never make the same tokens."""
    made = [keys(EVERYBODY, {"STATE_DIRECTORY": str(tmp_path / name)}) for name in "ab"]
    assert not {t for t, _ in made[0].tokens} & {t for t, _ in made[1].tokens}


def test_file_of_the_settings(tmp_path: Path) -> None:
    """A token file has a role and a token a line, and comments; it counts more than credentials; none is made."""
    file = tmp_path / "tokens"
    file.write_text(f"# ours\n\nviewer {LONG}v\nSpeaker {LONG}s\ncontrol {LONG}c\nall {LONG}a\n")
    settings = ServerSettings(host="0.0.0.0", token_file=str(file))
    environ = {"STATE_DIRECTORY": str(tmp_path / "state"), "CREDENTIALS_DIRECTORY": str(tmp_path)}
    (tmp_path / "streamstt-token").write_text(LONG)
    found = keys(settings, environ)
    assert [found.roles(LONG + x) for x in "vsca"] == [Role.VIEWER, Role.SPEAKER, Role.CONTROL, ALL_ROLES]
    assert found.roles(LONG) is NO_ROLE
    assert not will_create_tokens(settings, environ)
    assert not (tmp_path / "state").exists()


def test_one_token_alone(tmp_path: Path) -> None:
    """A file with nothing but a token, as from a secret store, allows all."""
    file = tmp_path / "secret"
    file.write_text(f"{LONG}\n")
    assert keys(ServerSettings(host="0.0.0.0", token_file=str(file)), {}).roles(LONG) == ALL_ROLES


def test_credentials(tmp_path: Path) -> None:
    """The service manager's credentials, a file a role; without any of ours among them, a file is made."""
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path), "STATE_DIRECTORY": str(tmp_path / "state")}
    (tmp_path / "something-else").write_text("x")
    assert will_create_tokens(EVERYBODY, environ)
    (tmp_path / "streamstt-token").write_text(f"{LONG}\n")
    (tmp_path / "streamstt-viewer-token").write_text(f"{LONG}v\n")
    assert not will_create_tokens(EVERYBODY, environ)
    found = keys(EVERYBODY, environ)
    assert (found.roles(LONG), found.roles(LONG + "v")) == (ALL_ROLES, Role.VIEWER)
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no token in it"),
        ("# only this\n", "no token in it"),
        ("short\n", "16 to 256"),
        ("viewer short\n", "16 to 256"),
        (f"{LONG}+x\n", "16 to 256"),
        (f"boss {LONG}\n", "viewer, speaker, control, all"),
        (f"viewer {LONG} {LONG}\n", "viewer, speaker, control, all"),
    ],
)
def test_bad_file(tmp_path: Path, text: str, says: str) -> None:
    """A file without good tokens stops the start, says what one looks like, and does not show what is in it."""
    file = tmp_path / "tokens"
    file.write_text(text)
    with pytest.raises(ConfigError, match=says) as caught:
        load_tokens(ServerSettings(host="0.0.0.0", token_file=str(file)), {})
    assert str(file) in str(caught.value)
    assert LONG not in str(caught.value)


def test_no_file(tmp_path: Path) -> None:
    """A file that is not there, or a folder that cannot be made, is an error with its path."""
    with pytest.raises(ConfigError, match="nothing"):
        load_tokens(ServerSettings(host="0.0.0.0", token_file=str(tmp_path / "nothing")), {})
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"server\.token_file"):
        load_tokens(EVERYBODY, {"STATE_DIRECTORY": str(tmp_path / "file" / "below")})

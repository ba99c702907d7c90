"""Wheel and source distribution work where they are installed, away from the checkout."""

import subprocess
import sys
import sysconfig
import tarfile
import urllib.request
import zipfile
from pathlib import Path

import pytest

from tests.support.daemon import DATA, Daemon, environment
from tests.support.paths import ROOT


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the source distribution."""
    folder = tmp_path_factory.mktemp("dist")
    build(ROOT, folder)
    return folder


def build(source: Path, folder: Path, *options: str) -> None:
    call(sys.executable, "-m", "hatchling", "build", "--directory", str(folder), *options, cwd=source)


def call(*command: str, cwd: Path | None = None) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, env=environment(), text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def wheel(folder: Path) -> Path:
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``bin`` of an environment in which only the wheel is installed; its dependencies are those of this one."""
    place = tmp_path_factory.mktemp("installed") / "env"
    call(sys.executable, "-m", "venv", "--without-pip", str(place))
    python = place / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(python))
    call(*pip, "install", "--no-deps", "--quiet", str(wheel(published)))
    (packages,) = place.glob("lib/*/site-packages")
    (packages / "borrowed.pth").write_text(sysconfig.get_path("purelib"))
    return python.parent


def test_the_wheel_runs(installed: Path, tmp_path: Path, script: list[str]) -> None:
    """Installed from the wheel, the wheel's code makes the captions, and has pages, units and the bundled recording."""
    program = str(installed / "streamstt")
    where = call(str(installed / "python"), "-c", "import streamstt; print(streamstt.__file__)", cwd=tmp_path)
    assert Path(where.strip()).is_relative_to(installed.parent)
    call(program, "service", "install", "--system", "--root", str(tmp_path / "root"), cwd=tmp_path)
    assert list((tmp_path / "root").rglob("streamstt.service"))
    assert (installed.parent / "share/man/man1/streamstt.1").is_file()
    with Daemon(*script, "--source", f"file:{DATA / 'short.flac'}", "--loop", program=[program]) as daemon:
        for path in ("/", "/overlay", "/pages/shared/feed.js"):
            assert urllib.request.urlopen(daemon.url + path).status == 200


def test_the_source_is_whole(published: Path, tmp_path: Path) -> None:
    """The source distribution builds the same wheel, and has the tests."""
    (archive,) = published.glob("*.tar.gz")
    with tarfile.open(archive) as packed:
        packed.extractall(tmp_path, filter="data")
    (source,) = tmp_path.iterdir()
    assert (source / "tests" / "unit").is_dir()
    assert (source / "Makefile").is_file()
    build(source, tmp_path / "again", "--target", "wheel")
    names = [set(zipfile.ZipFile(file).namelist()) for file in (wheel(published), wheel(tmp_path / "again"))]
    assert names[0] == names[1]


def test_the_version_is_the_changelogs() -> None:
    """The newest entry of the changelog is for this version."""
    text = call(sys.executable, "-m", "streamstt", "--version")
    newest = next(line for line in (ROOT / "CHANGELOG.md").read_text().splitlines() if line.startswith("## "))
    assert newest.split()[1] == text.split()[-1]

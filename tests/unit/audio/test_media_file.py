"""Recordings that FFmpeg reads: their times, tracks and damage, and that nothing but the file itself is opened."""

import http.server
import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from streamstt.audio.format import SAMPLE_RATE, Samples
from streamstt.audio.sources import AudioFile, make_source
from streamstt.config.settings import SourceSettings
from streamstt.errors import SourceError
from tests.support.media import RATE, Track, write_media
from tests.support.recordings import read_file

LENGTH_S = 6.0


def beeps(every_s: float = 1.0, length_s: float = LENGTH_S, rate: int = RATE, hz: float = 440) -> Samples:
    """A tone of 0.2 s at each multiple of a time, 0.5 s after it."""
    t = np.arange(round(length_s * rate)) / rate
    return (0.5 * np.sin(2 * np.pi * hz * t) * ((t % every_s >= 0.5) & (t % every_s < 0.7))).astype(np.float32)


def read(path: Path, track: int = 0) -> tuple[Samples, str]:
    """Reads all of a file, and returns the problem that it ends with."""
    return read_file(AudioFile(path, fast=True, block_s=1.0, track=track))


def starts(sound: Samples) -> list[float]:
    """When beeps begin (s), to a tenth."""
    loud = np.abs(sound[: len(sound) // 160 * 160]).reshape(-1, 160).max(axis=1) > 0.1  # by 10 ms
    loud = np.convolve(loud, np.ones(9), "same") > 0  # a coder leaves holes in a tone, and rings
    return [round(float(at) / 100 + 0.05, 1) for at in np.flatnonzero(loud[1:] & ~loud[:-1])]


KINDS = [
    ("m4a", "aac"), ("mp4", "aac"), ("mov", "aac"), ("mp4", "alac"), ("webm", "libopus"),
    ("mkv", "flac"), ("mka", "pcm_s24le"), ("aac", "aac"), ("wma", "wmav2"), ("ac3", "ac3"), ("ts", "aac"),
    ("flv", "aac"), ("avi", "pcm_s16le"), ("ogg", "flac"), ("wv", "wavpack"), ("wav", "adpcm_ima_wav"),
]  # fmt: skip


@pytest.mark.parametrize(("end", "codec"), KINDS)
def test_formats(tmp_path: Path, end: str, codec: str) -> None:
    """What people have is heard, at its time, whole; its name does not matter."""
    path = write_media(tmp_path / f"a.{end}", [Track(beeps())], codec)
    sound, problem = read(path.rename(tmp_path / "recording"))
    assert problem == ""
    assert starts(sound) == pytest.approx([0.5, 1.5, 2.5, 3.5, 4.5, 5.5], abs=0.1)
    assert len(sound) / SAMPLE_RATE == pytest.approx(LENGTH_S, abs=0.1)


@pytest.mark.parametrize("end", ["mp4", "mkv", "ts"])
def test_sound_that_starts_later_than_the_picture(tmp_path: Path, end: str) -> None:
    """The time before it is silence."""
    path = write_media(tmp_path / f"a.{end}", [Track(beeps(), start_s=1.0)], video=True)
    assert starts(read(path)[0])[:2] == pytest.approx([1.5, 2.5], abs=0.1)


def test_an_edit_list(tmp_path: Path) -> None:
    """So it is where nothing but an empty edit is before the sound."""
    path = write_media(tmp_path / "a.m4a", [Track(beeps(), start_s=2.0)])
    assert starts(read(path)[0])[:2] == pytest.approx([2.5, 3.5], abs=0.1)


def test_a_pause_of_the_recorder(tmp_path: Path) -> None:
    """Time without packets is silence, not damage: what follows keeps its time."""
    path = write_media(tmp_path / "a.webm", [Track(beeps(), hole=(2.0, 4.0))], "libopus")
    sound, problem = read(path)
    assert starts(sound) == pytest.approx([0.5, 1.5, 4.5, 5.5], abs=0.1)
    assert problem == ""


def test_a_clock_that_starts_anywhere(tmp_path: Path) -> None:
    """A part of a broadcast, cut from its middle, starts at its first sound."""
    data = write_media(tmp_path / "a.ts", [Track(beeps(), start_s=5000)]).read_bytes()
    sound, problem = read(write_media(tmp_path / "a.mkv", [Track(beeps(), start_s=5000)]))
    assert (starts(sound)[0], problem) == (pytest.approx(0.5, abs=0.1), "")
    (tmp_path / "b.ts").write_bytes(data[188 * 20 :])
    assert 3 < len(read(tmp_path / "b.ts")[0]) / SAMPLE_RATE < LENGTH_S + 0.5


def test_joined_broadcasts(tmp_path: Path) -> None:
    """Where the clock begins anew, or jumps by days, the audio goes on."""
    parts = [write_media(tmp_path / f"{at}.ts", [Track(beeps(), start_s=at)]).read_bytes() for at in (90_000, 10, 40)]
    (tmp_path / "a.ts").write_bytes(b"".join(parts[:2]))
    assert len(starts(read(tmp_path / "a.ts")[0])) == 12
    (tmp_path / "a.ts").write_bytes(b"".join(parts[1:]))
    assert starts(read(tmp_path / "a.ts")[0])[6] == pytest.approx(30.5, abs=0.2)


def test_tracks(tmp_path: Path) -> None:
    """A chosen track is read, else the first or the one that is marked; an error lists them."""
    titles = [{"language": "deu", "title": "Ton"}, {"language": "eng", "title": "Dolmetscher"}]
    tracks = [Track(beeps(every, LENGTH_S), metadata=about) for every, about in zip((1.0, 2.0), titles, strict=True)]
    path = write_media(tmp_path / "a.mkv", tracks, video=True)
    assert len(starts(read(path)[0])) == len(starts(read(path, 1)[0])) == 6
    assert len(starts(read(path, 2)[0])) == 3
    source = make_source(SourceSettings(input=f"file:{path}", fast=True, track=2))
    assert source
    source.open()
    blocks = iter(lambda: source.read(threading.Event()), None)
    assert len(starts(np.concatenate([block.samples for block in blocks]))) == 3
    with pytest.raises(SourceError, match=re.escape("1 (deu, Ton, aac); 2 (eng, Dolmetscher, aac)")):
        read(path, 3)
    write_media(tmp_path / "a.wav", [Track(beeps())], "pcm_s16le")
    assert len(starts(read(tmp_path / "a.wav", 1)[0])) == 6
    with pytest.raises(SourceError, match="no audio track 2; it has 1 audio track: 1"):
        read(tmp_path / "a.wav", 2)


def test_pictures_without_sound(tmp_path: Path) -> None:
    """It is said."""
    with pytest.raises(SourceError, match=r"a\.mp4 has no sound, only pictures"):
        read(write_media(tmp_path / "a.mp4", [], video=True))


def test_an_unfinished_mp4(tmp_path: Path) -> None:
    """Without its index nothing of it can be read, which is said."""
    data = write_media(tmp_path / "a.m4a", [Track(beeps())]).read_bytes()
    (tmp_path / "a.m4a").write_bytes(data[: data.index(b"moov") - 4])
    with pytest.raises(SourceError, match=r"a\.m4a has no index"):
        read(tmp_path / "a.m4a")


@pytest.mark.parametrize(
    ("end", "codec"), [("mp4", "aac"), ("mka", "aac"), ("webm", "libopus"), ("ts", "aac"), ("flv", "aac")]
)
def test_damage(tmp_path: Path, end: str, codec: str) -> None:
    """What is before and behind damage is heard at its time; the damage is said."""
    sound = beeps(length_s=20) + np.random.default_rng(0).normal(0, 0.02, 20 * RATE).astype(np.float32)
    data = bytearray(write_media(tmp_path / f"a.{end}", [Track(sound)], codec).read_bytes())
    data[len(data) // 2 : len(data) // 2 + 12_000] = bytes(12_000)
    (tmp_path / "a").write_bytes(data)
    heard, problem = read(tmp_path / "a")
    assert "is damaged from " in problem
    whole = [n + 0.5 for n in range(20)]
    assert len(heard) / SAMPLE_RATE == pytest.approx(20, abs=0.3)
    assert starts(heard)[:8] == pytest.approx(whole[:8], abs=0.1)
    assert starts(heard)[-3:] == pytest.approx(whole[-3:], abs=0.1)


@pytest.mark.parametrize(("end", "codec"), [("mka", "aac"), ("webm", "libopus"), ("wma", "wmav2")])
def test_cut_off(tmp_path: Path, end: str, codec: str) -> None:
    """A file that ends too early is heard up to there, and says so."""
    data = write_media(
        tmp_path / "a", [Track(beeps(length_s=20))], codec, form={"mka": "matroska", "wma": "asf"}.get(end, end)
    ).read_bytes()
    (tmp_path / "a").write_bytes(data[: len(data) // 2])
    sound, problem = read(tmp_path / "a")
    assert 6 < len(sound) / SAMPLE_RATE < 14
    assert "to its end" in problem


@pytest.fixture
def visited() -> Iterator[tuple[str, list[str]]]:
    """Returns the address of a web server, and the paths that were asked for."""
    paths: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path)
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}", paths
        server.shutdown()


LURES = {
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{file}\n#EXTINF:9,\n{url}/a.ts\n#EXT-X-ENDLIST\n",
    "hls-file": "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile:{file}\n#EXT-X-ENDLIST\n",
    "concat": "ffconcat version 1.0\nfile '{file}'\nfile '{url}/a.ts'\n",
    "dash": '<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period><AdaptationSet mimeType="audio/mp4">'
    '<Representation id="1" bandwidth="1"><BaseURL>{url}/a</BaseURL></Representation></AdaptationSet></Period></MPD>',
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=a\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\n",
    "meta": ";FFMETADATA1\ntitle={url}\n",
    "reference": "[Reference]\nRef1={url}/a.mp3\n",
}


@pytest.mark.parametrize("end", ["", ".m3u8", ".ffconcat", ".mpd", ".sdp", ".wav"])
@pytest.mark.parametrize("lure", LURES)
def test_files_that_name_others(
    tmp_path: Path, lure: str, end: str, visited: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An upload can neither read files of the daemon nor have it call a server."""
    secret = write_media(tmp_path / "secret.ts", [Track(beeps())])
    os.utime(secret, (1, 1))
    bait = tmp_path / f"a{end}"
    bait.write_text(LURES[lure].format(file=secret, url=visited[0]))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SourceError, match="is not audio that can be read"):
        read(bait)
    assert visited[1] == []


def test_the_lures_would_work(tmp_path: Path) -> None:
    """With nothing forbidden, a playlist reads another file: the test above tests something."""
    secret = write_media(tmp_path / "secret.ts", [Track(beeps())])
    (tmp_path / "a.m3u8").write_text(LURES["hls"].format(file=secret, url="http://127.0.0.1:9"))
    with av.open(str(tmp_path / "a.m3u8")) as container:
        assert next(container.decode(audio=0)).samples


def test_a_track_that_appears_later(tmp_path: Path) -> None:
    """PyAV does not know it, which ends nothing: the file is heard to its end."""
    data = bytearray(write_media(tmp_path / "a.flv", [Track(beeps())]).read_bytes())
    tags = [found.start() for found in re.finditer(rb"\x08\0[\0-\xff]{5}\0\0\0\0", data)]
    data[tags[-3]] = 9  # video
    (tmp_path / "a.flv").write_bytes(data)
    heard, _ = read(tmp_path / "a.flv")
    assert len(heard) / SAMPLE_RATE == pytest.approx(LENGTH_S, abs=0.3)


def test_samples_of_64_bits(tmp_path: Path) -> None:
    """They are refused in a sentence."""
    with pytest.raises(SourceError, match="unknown kind"):
        read(write_media(tmp_path / "a.nut", [Track(beeps())], "pcm_s64le"))


def test_an_impossible_offset(tmp_path: Path) -> None:
    """A length that leads to an offset that no file has is damage."""
    path = tmp_path / "a.caf"
    soundfile.write(path, beeps(), RATE)
    data = bytearray(path.read_bytes())
    data[56:64] = ((1 << 63) - 65).to_bytes(8, "big")  # of the second chunk
    path.write_bytes(data)
    with pytest.raises(SourceError, match=r"a\.caf"):
        read(path)

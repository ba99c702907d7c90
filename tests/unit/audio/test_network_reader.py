"""What the reader of a live stream finds missing, and the samples that it sends."""

import http.server
import ssl
import threading
from collections.abc import Iterator
from fractions import Fraction
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import numpy.typing as npt
import pytest
import soundfile
import trustme
from av import AudioFrame

from streamstt.audio import network_reader
from streamstt.audio.devices.messages import MessageType
from streamstt.audio.media_frames import float_samples
from streamstt.audio.network_reader import _describe, _Timeline
from streamstt.errors import SourceError
from tests.support.media import Track, write_media

RATE = 48_000
FRAME = 960  # samples: 20 ms


class Clock:
    """A clock that is moved by hand."""

    now = 50.0

    def monotonic(self) -> float:
        return self.now


def frame_at(time_s: float | None) -> AudioFrame:
    frame = AudioFrame(format="flt", layout="mono", samples=FRAME)
    frame.sample_rate, frame.time_base = RATE, Fraction(1, RATE)
    frame.pts = None if time_s is None else round(time_s * RATE)
    return frame


@pytest.mark.parametrize(
    ("jump_s", "waited_s", "missing_s"),
    [
        pytest.param(0.0, 0.02, 0.0, id="nothing"),
        pytest.param(0.03, 0.02, 0.0, id="rounding"),
        pytest.param(0.2, 0.02, 0.2, id="packets lost"),
        pytest.param(3.0, 3.1, 3.0, id="an outage in the network"),
        pytest.param(3600.0, 0.02, 0.0, id="the sender plays something else"),
        pytest.param(-3600.0, 5.0, 0.0, id="the sender has started again"),
    ],
)
def test_time_stamps(monkeypatch: pytest.MonkeyPatch, jump_s: float, waited_s: float, missing_s: float) -> None:
    """A jump of the time stamps is missing audio if this much time has passed; afterwards, they count on."""
    clock = Clock()
    monkeypatch.setattr(network_reader, "time", clock)
    timeline, start_s = _Timeline(), 7.0
    for i in range(100):
        clock.now += waited_s if i == 50 else 0.02
        start_s += jump_s if i == 50 else 0.0
        expected = pytest.approx(missing_s, abs=0.001) if i == 50 else 0.0
        assert timeline.missing_s(frame_at(start_s + i * FRAME / RATE)) == expected


def test_time_stamps_that_drift(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the samples do not fill the time that the stamps tell, that is made up for in small pieces."""
    clock = Clock()
    monkeypatch.setattr(network_reader, "time", clock)
    timeline, missing_s = _Timeline(), 0.0
    for i in range(50_000):
        clock.now += 0.02
        missing_s += timeline.missing_s(frame_at(i * FRAME / RATE * 1.0002))
    assert missing_s == pytest.approx(50_000 * 0.02 * 0.0002, abs=0.06)


def test_no_time_stamps() -> None:
    """Without time stamps nothing is missing."""
    timeline = _Timeline()
    assert [timeline.missing_s(frame_at(time_s)) for time_s in (None, 1.0, None, 5.0)] == [0.0, 0.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("u8", np.array([[128, 255, 0, 64]], np.uint8)),
        ("s16", np.array([[0, 32767, -32768, -16384]], np.int16)),
        ("s32", np.array([[0, 2**31 - 1, -(2**31), -(2**30)]], np.int32)),
        ("flt", np.array([[0, 1, -1, -0.5]], np.float32)),
        ("dbl", np.array([[0, 1, -1, -0.5]], np.float64)),
    ],
)
@pytest.mark.parametrize("planar", [False, True])
def test_samples(name: str, values: npt.NDArray[np.generic], planar: bool) -> None:
    """Any sample format becomes interleaved float32, full scale 1."""
    planes = values.reshape(2, 2).T if planar else values
    frame = AudioFrame.from_ndarray(np.ascontiguousarray(planes), f"{name}p" if planar else name, "stereo")
    assert float_samples(frame).ravel().tolist() == pytest.approx([0, 1, -1, -0.5], abs=0.01)


@pytest.mark.parametrize("code", [5, 110, 104, 1094995529, 999999])
def test_errors_do_not_name_the_address(code: int) -> None:
    """Whatever FFmpeg says, the sentence for people has no address."""
    with pytest.raises(av.FFmpegError, match="swordfish") as caught:
        av.error.err_check(-code, "rtsp://me:swordfish@host/key")
    assert "swordfish" not in _describe(caught.value, "http")
    assert _describe(caught.value, "http")


@pytest.mark.parametrize(("number", "index"), [(0, 1), (1, 0), (2, 1)])
def test_tracks(tmp_path: Path, number: int, index: int) -> None:
    """The track that is asked for is played, or the default one, as of a file."""
    sound = np.zeros(RATE, np.float32)
    path = write_media(tmp_path / "a.mka", [Track(sound), Track(sound, is_default=True)], "flac")
    with av.open(str(path)) as container:
        assert network_reader._choose_track(container, number).index == index
        with pytest.raises(SourceError, match="track = 3"):
            network_reader._choose_track(container, 3)


@pytest.fixture
def web(tmp_path: Path) -> Iterator[tuple[trustme.CA, str]]:
    """An authority, and the address of a web server with its certificate and a file ``a.wav``."""
    soundfile.write(tmp_path / "a.wav", np.zeros(RATE), RATE)
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=tmp_path)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield authority, f"https://127.0.0.1:{server.server_port}/a.wav"
        server.shutdown()


def test_certificates_are_checked(web: tuple[trustme.CA, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server whose certificate is not trusted is refused, and that this may be the reason is said."""
    authority, url = web
    with pytest.raises(SourceError, match="certificate is not trusted"):
        network_reader._play(url, 0)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    paths = SimpleNamespace(cafile=str(tmp_path / "ca.pem"))
    monkeypatch.setattr(network_reader.ssl, "get_default_verify_paths", lambda: paths)
    sent: list[MessageType] = []
    monkeypatch.setattr(network_reader, "send", lambda kind, payload=b"": sent.append(kind))
    network_reader._play(url, 0)
    assert sent[0] is MessageType.OPENED
    assert sent[-1] is MessageType.ENDED


def test_a_playlist_opens_no_file(tmp_path: Path) -> None:
    """Whatever a server names, no file of this machine is read."""
    soundfile.write(tmp_path / "secret.wav", np.zeros(RATE), RATE)
    (tmp_path / "a.m3u8").write_text(
        f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile://{tmp_path}/secret.wav\n#EXT-X-ENDLIST\n"
    )
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=tmp_path)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        with pytest.raises(SourceError):
            network_reader._play(f"http://127.0.0.1:{server.server_port}/a.m3u8", 0)
        server.shutdown()

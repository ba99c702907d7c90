"""The reader process of a network stream: FFmpeg (PyAV) opens and decodes it.

It runs in a process of its own for the same reasons as the recorder of a device: a connection that hangs is ended by
killing it, and what comes from the network cannot crash the daemon. No sentence that it sends contains the address,
which may be secret.
"""

import errno
import json
import os
import socket
import ssl
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import SplitResult, urlsplit

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import HTTPError, HTTPForbiddenError, HTTPNotFoundError, HTTPServerError, HTTPUnauthorizedError
from av.stream import Discard

from streamstt.audio.devices.messages import MessageType, live_as_long_as_the_daemon, send
from streamstt.audio.media_frames import default_track, float_samples, is_known
from streamstt.audio.srt import SrtStream
from streamstt.errors import SourceError
from streamstt.version import __version__

BLOCK_S = 0.04  # as from a device
ANALYSIS_US = "2000000"  # how much FFmpeg reads before it says what is in a stream (microseconds)
ROUNDING_S = 0.05  # time stamps may be this far from what they should be: formats round them
SLACK_S = 1.0  # sound that is missing took as long as it lasts to pass, give or take this
WEB = {"user_agent": f"streamstt/{__version__}", "tls_verify": "1", "protocol_whitelist": "http,https,tcp,tls,crypto"}
# What FFmpeg may open for each scheme: a playlist must not make it read a file.
OPTIONS: dict[str, dict[str, str]] = {
    "rtsp": {
        "rtsp_flags": "prefer_tcp",  # UDP loses packets, and seldom passes a firewall
        "allowed_media_types": "audio",
        "protocol_whitelist": "rtsp,rtp,tcp,udp,srtp",
    },
    "rtsps": {"allowed_media_types": "audio", "protocol_whitelist": "rtsp,rtsps,rtp,tcp,tls,srtp"},
    "rtmp": {"rtmp_live": "live", "protocol_whitelist": "rtmp,tcp"},
    "rtmps": {"rtmp_live": "live", "protocol_whitelist": "rtmp,rtmps,tcp,tls"},
    "http": WEB,
    "https": WEB,
}
# The first that matches says what is wrong.
ERRORS: dict[type[Exception], str] = {
    HTTPUnauthorizedError: "the server requires a user name and a password, or those in the address are wrong (401)",
    HTTPForbiddenError: "the server does not allow access (403)",
    HTTPNotFoundError: "the server knows no such stream (404)",
    HTTPServerError: "the server has an error (5xx)",
    HTTPError: "the server refuses the request (4xx)",
    av.ConnectionRefusedError: "the connection was refused: no server listens on this port",
    av.InvalidDataError: "what the server sends is no audio or video that can be read",
}


def main() -> None:
    """Plays the stream that the first line of standard input describes (JSON: url, track) until it ends."""
    request = json.loads(sys.stdin.buffer.readline())
    live_as_long_as_the_daemon()
    try:
        _play(request["url"], request["track"])
    except SourceError as error:
        send(MessageType.FAILED, str(error).encode())


def _play(url: str, track: int) -> None:
    parts = urlsplit(url)
    _require_host(parts)
    try:
        with _open(parts) as container:
            recording = _is_recording(container, parts.scheme)
            stream = _choose_track(container, track)
            _send_audio(_frames(container, stream), paced=recording or container.format.name == "hls")
    except av.FFmpegError as error:
        raise SourceError(_describe(error, parts.scheme)) from error
    if recording:
        send(MessageType.ENDED)
    else:
        raise SourceError("the stream has ended, or its server has closed the connection")


def _open(address: SplitResult) -> InputContainer:
    if address.scheme == "srt":
        return av.open(SrtStream(address), "r", format="mpegts", options={"analyzeduration": ANALYSIS_US})
    return av.open(address.geturl(), options=_options(address.scheme))


def _options(scheme: str) -> dict[str, str]:
    options = {"analyzeduration": ANALYSIS_US} | OPTIONS[scheme]
    authorities = ssl.get_default_verify_paths().cafile
    return options | {"ca_file": authorities} if "tls_verify" in options and authorities else options


def _require_host(parts: SplitResult) -> None:
    """Looks up the host, because FFmpeg does not say what is wrong if there is none.

    Raises:
        SourceError: There is no such host.
    """
    try:
        socket.getaddrinfo(parts.hostname, parts.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise SourceError(f"there is no host {parts.hostname}, or no network") from error


def _is_recording(container: InputContainer, scheme: str) -> bool:
    """Returns whether it has an end; the duration alone may be FFmpeg's guess from the beginning of a live stream."""
    is_file = scheme.startswith("http") and container.size > 0
    has_length = is_file or container.format.name == "hls" or scheme.startswith("rtsp")
    return has_length and container.duration is not None


def _choose_track(container: InputContainer, track: int) -> AudioStream:
    """Returns an audio stream, and makes FFmpeg skip all others.

    Args:
        container: The open stream.
        track: Number of the audio stream, from 1; 0: the one that is meant for everybody.

    Raises:
        SourceError: There is none, or it is of an unknown kind.
    """
    tracks = container.streams.audio
    if not tracks:
        raise SourceError("there is no audio in the stream")
    if track > len(tracks):
        raise SourceError(f"track = {track}, but the number of audio tracks in the stream is {len(tracks)}")
    chosen = tracks[track - 1] if track else default_track(tracks)
    if not is_known(chosen):
        raise SourceError("the stream has audio of an unknown kind")
    for stream in container.streams:
        if stream.index != chosen.index:
            stream.discard = Discard.all
    return chosen


def _frames(container: InputContainer, stream: AudioStream) -> Iterator[AudioFrame]:
    """Yields what can be decoded; what cannot is missing, which the next time stamp shows."""
    with suppress(av.EOFError, IndexError):  # the latter at the end, if tracks have appeared since it was opened
        for packet in container.demux(stream):
            try:
                yield from packet.decode()
            except av.InvalidDataError:
                continue


def _send_audio(frames: Iterator[AudioFrame], *, paced: bool) -> None:
    """Sends frames in blocks, and the length of what is missing between them."""
    timeline = _Timeline()
    opened: tuple[int, int] | None = None
    block: list[bytes] = []
    size = 0
    for frame in frames:
        rate, channels = frame.sample_rate, frame.layout.nb_channels
        missing = timeline.missing_s(frame)
        if block and (missing or (rate, channels) != opened or size >= rate * BLOCK_S):
            send(MessageType.AUDIO, b"".join(block))
            block, size = [], 0
        if (rate, channels) != opened:
            opened = rate, channels
            message = {"rate": rate, "channels": channels, "paced": paced}
            send(MessageType.OPENED, json.dumps(message).encode())
        if missing:
            send(MessageType.LOST, json.dumps(round(missing * rate)).encode())
        block.append(float_samples(frame).tobytes())
        size += frame.samples
    if block:
        send(MessageType.AUDIO, b"".join(block))


class _Timeline:
    """Finds in the time stamps of a stream how much audio is missing.

    Time stamps may also jump because the sender has started again or plays something else, and nothing is missing. So
    a jump counts only if this much time has passed. A jump backward never counts.
    """

    def __init__(self) -> None:
        self._end_s: float | None = None  # of the last frame, by its time stamp
        self._received_at = 0.0

    def missing_s(self, frame: AudioFrame) -> float:
        """Returns how many seconds are missing before a frame."""
        now, start_s = time.monotonic(), frame.time
        missing_s = 0.0
        if self._end_s is None or start_s is None:
            self._end_s = start_s
        elif abs(jump_s := start_s - self._end_s) > ROUNDING_S:
            self._end_s = start_s
            if 0 < jump_s <= now - self._received_at + SLACK_S:
                missing_s = jump_s
        if self._end_s is not None:
            self._end_s += frame.samples / frame.sample_rate
        self._received_at = now
        return missing_s


def _describe(error: av.FFmpegError, scheme: str) -> str:
    """Returns a sentence for an error of FFmpeg, whose own text contains the address.

    Args:
        error: The error.
        scheme: Scheme of the address.
    """
    for kind, text in ERRORS.items():
        if isinstance(error, kind):
            return text
    if error.errno is not None and error.errno in errno.errorcode and error.errno != errno.EIO:
        return f"the stream cannot be read: {os.strerror(error.errno).lower()}"
    certificate = ", or its certificate is not trusted" if scheme == "https" else ""
    return f"the server refuses the stream, does not know it, or has closed the connection{certificate}"


if __name__ == "__main__":
    main()

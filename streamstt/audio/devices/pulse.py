"""The sound server, PulseAudio or PipeWire's: its microphones and monitors, and recording from one of them.

By libpulse itself, which every desktop has, and its stable interface of C: through ALSA's detour a monitor cannot be
named, and a stream is moved to another microphone when its own is unplugged. No call waits longer than it is told.
Source: PulseAudio's documentation of its asynchronous interface.
"""

import ctypes
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ctypes import byref, c_size_t, c_void_p
from pathlib import Path
from typing import Any

from streamstt.audio.devices import libpulse
from streamstt.audio.devices.selection import Device
from streamstt.errors import SourceError

ANSWER_TIMEOUT_S = 1.5  # a server that takes longer hangs
NO_AUTOSPAWN = 1
CONTEXT_READY, CONTEXT_FAILED = 4, 5  # and beyond
STREAM_READY, STREAM_FAILED = 2, 3
FLOAT32LE = 5
# Keep the channels apart or mix them as asked; fail, and do not move, when the device goes; the server's buffers small.
NO_REMIX, DONT_MOVE, ADJUST_LATENCY = 0x20, 0x200, 0x2000
UNSET = 0xFFFFFFFF


def is_expected() -> bool:
    """Whether this session is made for a sound server, so that its absence is a fault, and not the way things are."""
    session = os.environ.get("XDG_RUNTIME_DIR", "")
    installed = shutil.which("pipewire-pulse") or shutil.which("pulseaudio")
    return "PULSE_SERVER" in os.environ or bool(session and (installed or Path(session, "pulse", "native").exists()))


@contextmanager
def connected() -> Iterator["PulseConnection | None"]:
    """A connection to the sound server; None where there is none.

    Raises:
        SourceError: There is one, but it does not answer.
    """
    library = libpulse.load()
    if library is None:
        yield None
        return
    loop = library.pa_mainloop_new()
    context = library.pa_context_new(library.pa_mainloop_get_api(loop), b"streamstt")
    pulse = PulseConnection(library, loop, context)
    try:
        yield pulse if pulse.connect() else None
    finally:
        library.pa_context_disconnect(context)
        library.pa_context_unref(context)
        library.pa_mainloop_free(loop)


class PulseConnection:
    """One connection; used by one thread."""

    def __init__(self, library: Any, loop: int, context: int) -> None:
        """Wraps what ``connected`` made."""
        self._library = library
        self._loop = loop
        self._context = context
        self._stream: int | None = None
        self._frame_bytes = 4
        self.block_bytes = 0

    def connect(self) -> bool:
        """Connects; False when nobody is there.

        Raises:
            SourceError: Somebody is, and does not answer.
        """
        if self._library.pa_context_connect(self._context, None, NO_AUTOSPAWN, None) < 0:
            return False
        self._wait(lambda: self._context_state() >= CONTEXT_READY)
        return self._context_state() == CONTEXT_READY

    def list_devices(self) -> list[Device]:
        """What can be listened to now.

        Raises:
            SourceError: The server is gone, or does not answer.
        """
        defaults: list[tuple[str, str]] = []
        found: list[Device] = []
        done: list[bool] = []

        def on_server(_: int, info: Any, __: int) -> None:
            defaults.append(
                (_decode_text(info[0].default_sink), _decode_text(info[0].default_source)) if info else ("", "")
            )

        def on_source(_: int, info: Any, end: int, __: int) -> None:
            if end or not info:
                done.append(True)
            else:
                found.append(_make_device(info[0], *defaults[0]))

        # The callbacks must live until they were called; the server answers in the order of the questions.
        calls = (libpulse.OnServer(on_server), libpulse.OnSource(on_source))
        questions = (
            self._library.pa_context_get_server_info(self._context, calls[0], None),
            self._library.pa_context_get_source_info_list(self._context, calls[1], None),
        )
        self._wait(lambda: bool(done) or self._context_state() >= CONTEXT_FAILED)
        for question in filter(None, questions):
            self._library.pa_operation_unref(question)
        if not done:
            raise self._error("the sound server is gone")
        return found

    def record(self, device: Device, rate: int, channels: int, block_s: float) -> None:
        """Starts recording float32; with 1 channel the server mixes them.

        Raises:
            SourceError: The server refuses.
        """
        spec = libpulse.SampleSpec(FLOAT32LE, rate, channels)
        self._frame_bytes = 4 * channels
        self.block_bytes = round(rate * block_s) * self._frame_bytes
        attributes = libpulse.BufferAttributes(UNSET, UNSET, UNSET, UNSET, self.block_bytes)
        flags = DONT_MOVE | ADJUST_LATENCY | (NO_REMIX if channels > 1 else 0)
        self._stream = self._library.pa_stream_new(self._context, b"captions", byref(spec), None)
        if not self._stream:
            raise self._error(f"{device} cannot be recorded with {channels} channels at {rate} Hz")
        self._library.pa_stream_connect_record(self._stream, device.name.encode(), byref(attributes), flags)
        self._wait(lambda: self._stream_state() >= STREAM_READY)
        if self._stream_state() != STREAM_READY:
            raise self._error(f"{device} cannot be opened")

    def read(self) -> bytes | int:
        """Waits for audio, but not for long: a device that gives none is noticed by who reads this.

        Returns:
            Interleaved float32, or how many frames were lost here; empty when half a second passed without any.

        Raises:
            SourceError: The device or the server is gone.
        """
        if not self._library.pa_stream_readable_size(self._stream):
            self._iterate(0.5)
        if self._stream_state() != STREAM_READY:
            raise self._error("the device is gone")
        data, size = c_void_p(), c_size_t()
        if self._library.pa_stream_peek(self._stream, byref(data), byref(size)) < 0:
            raise self._error("the device cannot be read")
        if not size.value:
            return b""
        taken = ctypes.string_at(data.value, size.value) if data.value else size.value // self._frame_bytes
        self._library.pa_stream_drop(self._stream)
        return taken

    def _wait(self, done: Callable[[], bool]) -> None:
        deadline = time.monotonic() + ANSWER_TIMEOUT_S
        while not done():
            left = deadline - time.monotonic()
            if left <= 0:
                raise SourceError(
                    f"the sound server does not answer within {ANSWER_TIMEOUT_S} s; if it hangs, restart it"
                )
            self._iterate(left)

    def _iterate(self, timeout_s: float) -> None:
        if self._library.pa_mainloop_prepare(self._loop, max(1, round(timeout_s * 1e6))) < 0:
            raise self._error("the sound server is gone")
        self._library.pa_mainloop_poll(self._loop)
        self._library.pa_mainloop_dispatch(self._loop)

    def _context_state(self) -> int:
        return int(self._library.pa_context_get_state(self._context))

    def _stream_state(self) -> int:
        return int(self._library.pa_stream_get_state(self._stream))

    def _error(self, what: str) -> SourceError:
        why = self._library.pa_strerror(self._library.pa_context_errno(self._context))
        return SourceError(f"{what} ({_decode_text(why)})")


def _make_device(info: Any, default_sink: str, default_source: str) -> Device:
    """A monitor is the default one if its output is; PULSE_SOURCE names another default, as for every program."""
    name, monitors = _decode_text(info.name), _decode_text(info.monitor_of_name)
    asked = os.environ.get("PULSE_SOURCE", "")
    is_monitor = info.monitor_of != UNSET and name != asked
    default = monitors == default_sink if is_monitor else name == (asked or default_source)
    return Device(
        system="pulse",
        kind="monitor" if is_monitor else "mic",
        name=name,
        title=_decode_text(info.description),
        channels=info.spec.channels,
        rate=info.spec.rate,
        default=default,
        muted=bool(info.mute),
    )


def _decode_text(data: bytes | None) -> str:
    return (data or b"").decode("utf-8", "replace")

"""The sound server backend (PulseAudio, or PipeWire with pipewire-pulse): lists and records microphones and monitors.

Uses libpulse directly, which every desktop has: through ALSA's plug-in, a monitor cannot be named, and a stream is
moved to another microphone when its own is unplugged. Every wait is bounded.
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
NO_AUTOSPAWN = 1  # pa_context_flags
CONTEXT_READY, CONTEXT_FAILED = 4, 5  # pa_context_state; FAILED and higher values mean that the connection has ended
STREAM_READY, STREAM_FAILED = 2, 3  # pa_stream_state
FLOAT32LE = 5  # pa_sample_format
# pa_stream_flags: do not mix channels; fail instead of moving when the device is unplugged; keep server buffers small.
NO_REMIX, DONT_MOVE, ADJUST_LATENCY = 0x20, 0x200, 0x2000
UNSET = 0xFFFFFFFF


def is_expected() -> bool:
    """Returns whether this session should have a sound server, so that its absence is a fault."""
    session = os.environ.get("XDG_RUNTIME_DIR", "")
    installed = shutil.which("pipewire-pulse") or shutil.which("pulseaudio")
    return "PULSE_SERVER" in os.environ or bool(session and (installed or Path(session, "pulse", "native").exists()))


@contextmanager
def connected() -> Iterator["PulseConnection | None"]:
    """Connects to the sound server; yields None if there is none.

    Raises:
        SourceError: There is one, but it does not respond.
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
    """A connection to the sound server; used by one thread.

    Attributes:
        block_bytes: Size of the fragments that the server was asked for, in bytes; 0 before ``record``.
    """

    def __init__(self, library: Any, loop: int, context: int) -> None:
        """Starts unconnected; call ``connect``.

        Args:
            library: As ``libpulse.load`` returns it.
            loop: Pointer to a ``pa_mainloop``; the caller frees it.
            context: Pointer to a ``pa_context``; the caller frees it.
        """
        self._library = library
        self._loop = loop
        self._context = context
        self._stream: int | None = None
        self._frame_bytes = 4
        self.block_bytes = 0

    def connect(self) -> bool:
        """Connects; returns False if there is no server.

        Raises:
            SourceError: The server does not respond.
        """
        if self._library.pa_context_connect(self._context, None, NO_AUTOSPAWN, None) < 0:
            return False
        self._wait(lambda: self._context_state() >= CONTEXT_READY)
        return self._context_state() == CONTEXT_READY

    def list_devices(self) -> list[Device]:
        """Lists the microphones and monitors.

        Raises:
            SourceError: The connection is lost, or the server does not respond.
        """
        defaults: list[tuple[str, str]] = []  # one: names of the default sink and source
        devices: list[Device] = []
        done: list[bool] = []

        def on_server(_: int, info: Any, __: int) -> None:
            defaults.append(
                (_decode_text(info[0].default_sink), _decode_text(info[0].default_source)) if info else ("", "")
            )

        def on_source(_: int, info: Any, end: int, __: int) -> None:
            if end or not info:
                done.append(True)
            else:
                devices.append(_make_device(info[0], *defaults[0]))

        # Keep the callbacks referenced until they were called. The server replies in the order of the requests.
        callbacks = (libpulse.OnServer(on_server), libpulse.OnSource(on_source))
        operations = (
            self._library.pa_context_get_server_info(self._context, callbacks[0], None),
            self._library.pa_context_get_source_info_list(self._context, callbacks[1], None),
        )
        self._wait(lambda: bool(done) or self._context_state() >= CONTEXT_FAILED)
        for operation in filter(None, operations):
            self._library.pa_operation_unref(operation)
        if not done:
            raise self._error("the connection to the sound server is lost")
        return devices

    def record(self, device: Device, rate: int, channels: int, block_s: float) -> None:
        """Starts recording interleaved float32.

        Args:
            device: A device of this server.
            rate: Sample rate, Hz; the server resamples.
            channels: Number of channels; with 1 the server mixes them.
            block_s: Length of the fragments that the server should send, in seconds.

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
        """Waits up to half a second for audio; the caller notices a device that delivers none.

        Returns:
            Interleaved float32; empty if none came. Or the number of frames that were lost at this point.

        Raises:
            SourceError: The device or the server was lost.
        """
        if not self._library.pa_stream_readable_size(self._stream):
            self._iterate(0.5)
        if self._stream_state() != STREAM_READY:
            raise self._error("the device was lost")
        data, size = c_void_p(), c_size_t()
        if self._library.pa_stream_peek(self._stream, byref(data), byref(size)) < 0:
            raise self._error("the device cannot be read")
        if not size.value:
            return b""
        # A fragment without data is a hole: audio that the server dropped.
        fragment = ctypes.string_at(data.value, size.value) if data.value else size.value // self._frame_bytes
        self._library.pa_stream_drop(self._stream)
        return fragment

    def _wait(self, done: Callable[[], bool]) -> None:
        deadline = time.monotonic() + ANSWER_TIMEOUT_S
        while not done():
            remaining_s = deadline - time.monotonic()
            if remaining_s <= 0:
                raise SourceError(
                    f"the sound server does not respond within {ANSWER_TIMEOUT_S} s; if it hangs, restart it"
                )
            self._iterate(remaining_s)

    def _iterate(self, timeout_s: float) -> None:
        if self._library.pa_mainloop_prepare(self._loop, max(1, round(timeout_s * 1e6))) < 0:
            raise self._error("the connection to the sound server is lost")
        self._library.pa_mainloop_poll(self._loop)
        self._library.pa_mainloop_dispatch(self._loop)

    def _context_state(self) -> int:
        return int(self._library.pa_context_get_state(self._context))

    def _stream_state(self) -> int:
        return int(self._library.pa_stream_get_state(self._stream))

    def _error(self, what: str) -> SourceError:
        reason = self._library.pa_strerror(self._library.pa_context_errno(self._context))
        return SourceError(f"{what} ({_decode_text(reason)})")


def _make_device(info: Any, default_sink: str, default_source: str) -> Device:
    """Converts a ``pa_source_info``.

    A monitor is the default one if its output is. PULSE_SOURCE overrides the default source, as for every client.
    """
    name, output = _decode_text(info.name), _decode_text(info.monitor_of_name)
    override = os.environ.get("PULSE_SOURCE", "")
    is_monitor = info.monitor_of != UNSET and name != override
    default = output == default_sink if is_monitor else name == (override or default_source)
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

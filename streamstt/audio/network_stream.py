"""Live streams from the network as sources: cameras (RTSP), RTMP, SRT, HLS, web radio.

A reader process (``network_reader``) receives and decodes; here its audio gets its place in time. Servers send at
once what they have kept, and HLS sends whole segments, so audio may arrive long before its time:

- What a server sends at once at the beginning has been recorded before. It is one block, which ends now.
- Of a playlist or a recording, which a player may read ahead, each block is returned when it is due.
"""

import json
import logging
import threading
import time
from collections import deque
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from streamstt.audio.devices.messages import MessageType
from streamstt.audio.devices.recorder_process import RecorderProcess
from streamstt.audio.format import SAMPLE_RATE, Block, samples_from_ms
from streamstt.audio.mono import MonoConverter
from streamstt.config.urls import public_address
from streamstt.errors import SourceError

READER = "streamstt.audio.network_reader"
OPEN_TIMEOUT_S = 10.0  # some servers take seconds to send the first key frame
AUDIO_TIMEOUT_S = 4.0  # a server that sends nothing for longer is lost; less than ``MAX_SILENCE_S`` in ``liveness``
WINDOW_S = 0.4  # how long to receive before deciding whether what is sent at once has come to its end
STALL_S = 1.0  # after a longer pause it is found out whether audio was late or is missing
FASTEST = 1.5  # times real time: more is sent at once
# Samples, and seconds that it may take; a server that sends more at once, or for longer, is read in real time.
MAX_BURST, MAX_BURST_S = samples_from_ms(30_000), 3.0
MAX_WAITING = samples_from_ms(30_000)  # samples that are received ahead of their time; then the sender has to wait
MAX_FILLED = samples_from_ms(500)  # samples; a shorter loss becomes silence, because the words around it are heard
MAX_AHEAD_S = 2.0  # how far ahead of its time a live stream may be

log = logging.getLogger(__name__)


class NetworkStream:
    """A live stream as an ``AudioSource``; it is connected to again by ``Capture`` when it is lost."""

    is_live = True
    overflows = 0
    notices: Mapping[str, str] = MappingProxyType({})

    def __init__(self, url: str, track: int = 0) -> None:
        """Starts closed; call ``open``.

        Args:
            url: Its address.
            track: Number of its audio track, from 1 on; 0: the one that is meant for everybody.
        """
        self._url = url
        self._track = track
        self._reader: RecorderProcess | None = None
        self._waiting: deque[Block] = deque()  # received, not yet returned: at most ``MAX_WAITING`` and one block more
        self._stop = threading.Event()  # that of the last ``read``
        self._begun_at: float | None = None  # monotonic time (s) of sample 0
        self._returned_at: float | None = None  # monotonic time (s) at which audio was last returned
        self._converter = MonoConverter()

    @property
    def bad_samples(self) -> int:
        """Number of samples since ``open`` that were no numbers or far too large."""
        return self._converter.bad_samples

    def open(self) -> None:
        """Connects, and waits for the beginning of the audio. One that is open and was not read yet stays connected.

        Raises:
            SourceError: There is no such host or stream, or no audio in it.
        """
        if self._reader and self._begun_at is None:
            return
        self.close()
        self._format: tuple[int, int] | None = None  # sample rate (Hz), number of channels
        self._converter = MonoConverter()
        self._paced = False
        self._received = 0  # samples, those that are missing included
        self._begun_at = None
        self._failure: SourceError | None = None
        self._ended = False
        request = json.dumps({"url": self._url, "track": self._track}).encode() + b"\n"
        self._reader = RecorderProcess(module=READER, request=request)
        if not self._receive(self._stop, OPEN_TIMEOUT_S) and not self._failure:
            self._failure = SourceError(f"the server has sent no audio within {OPEN_TIMEOUT_S:g} s")
        if self._failure:
            self.close()
            raise self._error()
        log.info("listening to %s", public_address(self._url))

    def _error(self) -> SourceError:
        return SourceError(f"{public_address(self._url)}: {self._failure}")

    def _receive(self, stop: threading.Event, timeout_s: float) -> bool:
        """Waits for the next message and takes it in; returns whether one came in time."""
        if self._reader is None or self._failure or self._ended:
            stop.wait(timeout_s)
            return False
        try:
            message = self._reader.poll(stop, timeout_s)
        except SourceError as error:
            self._failure = error
            return False
        if message:
            self._take_in(*message)
        return message is not None

    def _take_in(self, kind: MessageType, payload: bytes) -> None:
        match kind:
            case MessageType.OPENED:
                self._set_format(json.loads(payload))
            case MessageType.AUDIO:
                assert self._format
                data = np.frombuffer(payload, np.float32).reshape(-1, self._format[1])  # (n, channels)
                block = Block(self._received, self._converter.push(data, self._format[0]))
                self._waiting.append(block)
                self._received = block.end
            case MessageType.LOST:
                assert self._format
                missing = round(json.loads(payload) * SAMPLE_RATE / self._format[0])
                if missing <= MAX_FILLED:
                    self._waiting.append(Block(self._received, np.zeros(missing, np.float32)))
                self._received += missing
            case MessageType.ENDED if self._format:
                self._ended = True
            case MessageType.ENDED:
                self._failure = SourceError("nothing in the stream can be read")
            case _:
                self._failure = SourceError(payload.decode())

    def _set_format(self, opened: dict[str, Any]) -> None:
        if self._format is None:
            self._paced = opened["paced"]
        self._format = opened["rate"], opened["channels"]

    def read(self, stop: threading.Event) -> Block | None:
        """Waits for the next audio; None soon after ``stop`` is set, and at the end of a recording.

        Raises:
            SourceError: The stream was lost.
        """
        self._stop = stop
        if self._begun_at is None:
            self._begin(stop)
        while not stop.is_set():
            if not self._waiting:
                if self._ended or self._reader is None:
                    return None
                self._wait_for_audio(stop)
            elif (early_s := self._early_s(self._waiting[0])) <= 0:
                self._returned_at = time.monotonic()
                return self._waiting.popleft()
            elif self._received - self._waiting[0].start < MAX_WAITING:
                self._receive(stop, early_s)
            else:
                stop.wait(early_s)
        return None

    def _wait_for_audio(self, stop: threading.Event) -> None:
        since = time.monotonic()
        if not self._failure and not self._receive(stop, AUDIO_TIMEOUT_S) and not stop.is_set():
            self._failure = self._failure or SourceError(f"no audio has come for {AUDIO_TIMEOUT_S:g} s")
        if self._failure:
            raise self._error()
        if not self._paced and time.monotonic() - since > STALL_S:
            self._resume(stop)

    def _early_s(self, block: Block) -> float:
        """Returns how long a block has to wait until it is due, in seconds."""
        assert self._begun_at is not None
        ahead_s = self._begun_at + block.start / SAMPLE_RATE - time.monotonic()
        return ahead_s if self._paced else ahead_s - MAX_AHEAD_S

    def _receive_burst(self, stop: threading.Event) -> None:
        """Receives until audio comes no longer faster than in real time."""
        first = received = self._received
        begun_at = time.monotonic()
        until = begun_at + WINDOW_S
        while not (stop.is_set() or self._paced or self._failure or self._ended):
            self._receive(stop, max(0.0, until - time.monotonic()))
            self._paced = self._received - first > MAX_BURST or time.monotonic() - begun_at > MAX_BURST_S
            if time.monotonic() < until:
                continue
            if self._received - received < FASTEST * WINDOW_S * SAMPLE_RATE:
                break
            received, until = self._received, time.monotonic() + WINDOW_S

    def _begin(self, stop: threading.Event) -> None:
        """Receives what is sent at once at the beginning, and sets the time of the first sample."""
        self._receive_burst(stop)
        now = time.monotonic()
        if self._paced:
            self._begun_at = now
            return
        samples = np.concatenate([np.zeros(0, np.float32), *(block.samples for block in self._waiting)])
        if self._returned_at is not None:  # what was sent before has been returned before
            samples = samples[max(0, len(samples) - round((now - self._returned_at) * SAMPLE_RATE)) :]
        self._begun_at, self._received = now - len(samples) / SAMPLE_RATE, len(samples)
        self._waiting = deque([Block(0, samples)] if len(samples) else [])

    def _resume(self, stop: threading.Event) -> None:
        """Decides, when audio comes again after a stall, whether it was late only: then more comes at once."""
        assert self._begun_at is not None
        self._receive_burst(stop)
        missing = round((time.monotonic() - self._begun_at) * SAMPLE_RATE) - self._received
        if missing > MAX_FILLED:
            self._waiting = deque(Block(block.start + missing, block.samples) for block in self._waiting)
            self._received += missing

    def close(self) -> None:
        """Disconnects."""
        reader, self._reader = self._reader, None
        self._waiting.clear()
        if reader:
            reader.kill()

"""Receives an SRT stream with libsrt, because the FFmpeg of PyAV's wheels has no SRT.

Its C interface is stable. Source: the header srt/srt.h, and libsrt's documentation of its API and of URIs.
"""

import ctypes
import re
import socket
import struct
from collections.abc import Mapping
from contextlib import suppress
from ctypes import POINTER, byref, c_char_p, c_int
from typing import Any
from urllib.parse import SplitResult, parse_qs

from streamstt.errors import SourceError

NAMES = ("libsrt-gnutls.so.1.5", "libsrt-openssl.so.1.5", "libsrt.so.1.5", "libsrt.so.1", "libsrt.so", "libsrt.dylib")
MESSAGE_BYTES = 1456  # the largest message of a live stream
PASSPHRASE, LATENCY_MS, STREAM_ID = 26, 23, 46  # SRT_SOCKOPT
MISSING = "the library libsrt is not installed, which SRT needs (Debian: apt install libsrt1.5-gnutls)"
INVALID = "the passphrase (10 to 79 characters), streamid or latency (ms) in the address is invalid"
NO_ANSWER, REFUSED = 1001, 1002  # SRT_ERRNO
WRONG_PASSPHRASE = {10, 11}  # SRT_REJECT_REASON: a wrong one; one is required, or not expected

# Name to argument types; all return an integer.
_FUNCTIONS: dict[str, tuple[Any, ...]] = {
    "srt_startup": (),
    "srt_create_socket": (),
    "srt_setsockflag": (c_int, c_int, c_char_p, c_int),
    "srt_connect": (c_int, c_char_p, c_int),
    "srt_bind": (c_int, c_char_p, c_int),
    "srt_listen": (c_int, c_int),
    "srt_accept": (c_int, c_char_p, POINTER(c_int)),
    "srt_recvmsg": (c_int, c_char_p, c_int),
    "srt_close": (c_int,),
    "srt_getlasterror": (POINTER(c_int),),
    "srt_getrejectreason": (c_int,),
}


def load() -> Any:
    """Loads the library and declares its functions.

    Raises:
        SourceError: It is not installed.
    """
    for name in NAMES:
        with suppress(OSError):
            library = ctypes.CDLL(name)
            for function, arguments in _FUNCTIONS.items():
                getattr(library, function).argtypes = arguments
            return library
    raise SourceError(MISSING)


class SrtStream:
    """A connection to a sender, as an open file for FFmpeg."""

    def __init__(self, address: SplitResult) -> None:
        """Connects to a sender, or with ``mode=listener`` waits until one connects.

        Args:
            address: Its query may have ``mode``, ``latency`` (ms), ``streamid`` and ``passphrase``.

        Raises:
            SourceError: No sender answers, or it refuses.
        """
        query = f"{address.query}#{address.fragment}" if address.fragment else address.query  # in a stream id
        options = {name: values[-1] for name, values in parse_qs(query).items()}
        self._library = load()
        self._library.srt_startup()
        self._socket = self._library.srt_create_socket()
        for flag, value in socket_flags(options).items():
            if value and self._library.srt_setsockflag(self._socket, flag, value, len(value)) < 0:
                raise SourceError(INVALID)
        place = _pack_address(address)
        if options.get("mode") == "listener":
            self._accept(place)
        elif self._library.srt_connect(self._socket, place, len(place)) < 0:
            raise SourceError(self._reason())

    def _accept(self, place: bytes) -> None:
        library = self._library
        if library.srt_bind(self._socket, place, len(place)) < 0 or library.srt_listen(self._socket, 1) < 0:
            raise SourceError("this machine has no such address, or the port is in use")
        sender = library.srt_accept(self._socket, None, None)
        library.srt_close(self._socket)  # one sender at a time
        self._socket = sender

    def _reason(self) -> str:
        error = self._library.srt_getlasterror(byref(c_int()))
        if error == NO_ANSWER:
            return "no SRT sender answers on this port"
        if error == REFUSED and self._library.srt_getrejectreason(self._socket) in WRONG_PASSPHRASE:
            return "the sender refuses: the passphrase is wrong, missing or not expected"
        return "the SRT sender refuses the connection"

    def read(self, _: int) -> bytes:
        """Waits for the next data; returns none at the end of the connection."""
        buffer = ctypes.create_string_buffer(MESSAGE_BYTES)
        size = self._library.srt_recvmsg(self._socket, buffer, MESSAGE_BYTES)
        return buffer.raw[: max(0, size)]


def socket_flags(options: Mapping[str, str]) -> dict[int, bytes]:
    """Returns the values of options of a socket; empty ones are left as they are.

    Raises:
        SourceError: The latency is no number.
    """
    latency = options.get("latency", "")
    if not re.fullmatch("[0-9]{0,6}", latency):
        raise SourceError(INVALID)
    return {
        PASSPHRASE: options.get("passphrase", "").encode(),
        STREAM_ID: options.get("streamid", "").encode(),
        LATENCY_MS: struct.pack("=i", int(latency)) if latency else b"",
    }


def _pack_address(address: SplitResult) -> bytes:
    """Returns a ``sockaddr``; the host has been looked up before, so this does not fail."""
    found = socket.getaddrinfo(address.hostname, address.port, type=socket.SOCK_DGRAM)
    family, (host, port) = found[0][0], found[0][4][:2]
    head = struct.pack("=H", family) + struct.pack("!H", port)
    packed = socket.inet_pton(family, str(host))
    return head + packed + bytes(8) if family == socket.AF_INET else head + bytes(4) + packed + bytes(4)

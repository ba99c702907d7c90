"""Bindings to the functions and structures of libpulse that are used; its C interface is stable.

Source: the headers pulse/def.h, pulse/introspect.h, pulse/stream.h and pulse/mainloop.h.
"""

import ctypes
from ctypes import POINTER, Structure, c_char_p, c_int, c_size_t, c_uint8, c_uint32, c_void_p
from typing import Any


class SampleSpec(Structure):
    """``pa_sample_spec``."""

    _fields_ = (("format", c_int), ("rate", c_uint32), ("channels", c_uint8))


class ChannelMap(Structure):
    """``pa_channel_map``."""

    _fields_ = (("channels", c_uint8), ("positions", c_int * 32))


class ChannelVolumes(Structure):
    """``pa_cvolume``."""

    _fields_ = (("channels", c_uint8), ("values", c_uint32 * 32))


class BufferAttributes(Structure):
    """``pa_buffer_attr``."""

    _fields_ = tuple((name, c_uint32) for name in ("maxlength", "tlength", "prebuf", "minreq", "fragsize"))


class PulseSourceInfo(Structure):
    """The beginning of ``pa_source_info``: more may follow in newer versions."""

    _fields_ = (
        ("name", c_char_p),
        ("index", c_uint32),
        ("description", c_char_p),
        ("spec", SampleSpec),
        ("map", ChannelMap),
        ("owner_module", c_uint32),
        ("volume", ChannelVolumes),
        ("mute", c_int),
        ("monitor_of", c_uint32),
        ("monitor_of_name", c_char_p),
    )


class PulseServerInfo(Structure):
    """The beginning of ``pa_server_info``."""

    _fields_ = (
        *((name, c_char_p) for name in ("user", "host", "version", "server")),
        ("spec", SampleSpec),
        ("default_sink", c_char_p),
        ("default_source", c_char_p),
    )


OnSource = ctypes.CFUNCTYPE(None, c_void_p, POINTER(PulseSourceInfo), c_int, c_void_p)
OnServer = ctypes.CFUNCTYPE(None, c_void_p, POINTER(PulseServerInfo), c_void_p)

# Name to result type and argument types.
_FUNCTIONS: dict[str, tuple[Any, ...]] = {
    "pa_mainloop_new": (c_void_p,),
    "pa_mainloop_free": (None, c_void_p),
    "pa_mainloop_get_api": (c_void_p, c_void_p),
    "pa_mainloop_prepare": (c_int, c_void_p, c_int),
    "pa_mainloop_poll": (c_int, c_void_p),
    "pa_mainloop_dispatch": (c_int, c_void_p),
    "pa_strerror": (c_char_p, c_int),
    "pa_context_new": (c_void_p, c_void_p, c_char_p),
    "pa_context_connect": (c_int, c_void_p, c_char_p, c_int, c_void_p),
    "pa_context_disconnect": (None, c_void_p),
    "pa_context_unref": (None, c_void_p),
    "pa_context_get_state": (c_int, c_void_p),
    "pa_context_errno": (c_int, c_void_p),
    "pa_context_get_server_info": (c_void_p, c_void_p, OnServer, c_void_p),
    "pa_context_get_source_info_list": (c_void_p, c_void_p, OnSource, c_void_p),
    "pa_operation_unref": (None, c_void_p),
    "pa_stream_new": (c_void_p, c_void_p, c_char_p, POINTER(SampleSpec), c_void_p),
    "pa_stream_connect_record": (c_int, c_void_p, c_char_p, POINTER(BufferAttributes), c_int),
    "pa_stream_get_state": (c_int, c_void_p),
    "pa_stream_readable_size": (c_size_t, c_void_p),
    "pa_stream_peek": (c_int, c_void_p, POINTER(c_void_p), POINTER(c_size_t)),
    "pa_stream_drop": (c_int, c_void_p),
}


def load() -> Any:
    """Loads the library and declares its functions; returns None if it is not installed."""
    try:
        library = ctypes.CDLL("libpulse.so.0")
    except OSError:
        return None
    for name, (result, *arguments) in _FUNCTIONS.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library

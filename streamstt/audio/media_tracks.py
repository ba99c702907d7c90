"""Opens files with FFmpeg, and finds their audio tracks and when those begin and end.

Nothing but the file that is given is ever opened: of formats that name other files or addresses, such as playlists,
none is read.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import av
from av.audio.stream import AudioStream
from av.container import InputContainer

from streamstt.audio.media_frames import default_track, is_known
from streamstt.audio.recording_file import FormatError
from streamstt.errors import SourceError

# Formats that name other files or addresses, that are devices, or pictures (those that end with _pipe).
REFUSED = {
    "alsa", "applehttp", "concat", "dash", "fbdev", "hds", "hls", "image2", "image2pipe", "imf", "kmsgrab", "lavfi",
    "oss", "rtp", "rtp_mpegts", "rtsp", "sap", "sdp", "smoothstreaming", "tee", "tty", "v4l2", "video4linux2",
    "webm_dash_manifest", "whip", "x11grab",
}  # fmt: skip
ALLOWED = ",".join(sorted(name for name in av.formats_available if not name.endswith("_pipe") and name not in REFUSED))
OPTIONS = {"protocol_whitelist": "none", "format_whitelist": ALLOWED}

OWN_CLOCK = {"mpegts", "mpeg"}  # formats whose times begin anywhere
MAX_START_S = 600.0  # s: times that begin later are those of a broadcast, not of silence


class _Nameless:
    """A file without its name, of which FFmpeg would believe the end even if the content is something else."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def __getattr__(self, name: str) -> Any:
        if name == "name":
            raise AttributeError(name)
        return getattr(self._file, name)


def open_container(path: Path, file: BinaryIO, options: Mapping[str, str]) -> InputContainer:
    """Opens a file.

    Args:
        path: Its name in errors.
        file: The file, at its start.
        options: Options of FFmpeg.

    Raises:
        FormatError: It is of a kind that FFmpeg does not know.
        SourceError: Its index is missing.
    """
    try:
        return av.open(_Nameless(file), "r", metadata_errors="replace", container_options={**options, **OPTIONS})
    except (av.error.FFmpegError, OSError, ValueError) as error:  # OSError: a damaged file names an impossible offset
        raise _explain(path, file) from error


def _explain(path: Path, file: BinaryIO) -> SourceError:
    """Returns an error that says why FFmpeg cannot open a file."""
    if file.seekable():
        file.seek(0)
        if file.read(8)[4:] == b"ftyp":
            return SourceError(
                f"{path} has no index, which is written when a recording ends: it was cut off, "
                "or is damaged there, so nothing of it can be read"
            )
    return FormatError(f"{path} is not audio that can be read")


def find_track(path: Path, container: InputContainer, number: int) -> AudioStream:
    """Returns an audio track.

    Raises:
        FormatError: It is neither audio nor video.
        SourceError: There is none with this number, or none at all; the message lists those that there are.
    """
    tracks = container.streams.audio
    if not tracks:
        if container.streams.video:
            raise SourceError(f"{path} has no sound, only pictures")
        raise FormatError(f"{path} contains no audio")
    if number > len(tracks):
        titles = "; ".join(f"{n} ({_title(track)})" for n, track in enumerate(tracks, 1))
        count = f"{len(tracks)} audio tracks" if len(tracks) > 1 else "1 audio track"
        raise SourceError(f"{path} has no audio track {number}; it has {count}: {titles}")
    track = tracks[number - 1] if number else default_track(tracks)
    if not is_known(track):
        raise SourceError(f"{path} has audio of an unknown kind")
    return track


def _title(track: AudioStream) -> str:
    """Returns language, title and kind of a track, as far as it tells them."""
    language = track.metadata.get("language", "und")
    kind = track.codec_context.name if track.codec_context else "unknown kind"
    parts = (language if language != "und" else "", track.metadata.get("title", ""), kind)
    return ", ".join(part for part in parts if part)


def find_start(container: InputContainer) -> float:
    """Returns the time (s) in the file at which its recording begins."""
    start_s = (container.start_time or 0) / av.time_base
    if container.format.name in OWN_CLOCK or start_s > MAX_START_S:
        return start_s
    return 0.0


def find_end(container: InputContainer, track: AudioStream, start_s: float) -> float:
    """Returns when a track ends (s) from the start of its recording; 0 if the file does not tell, or may be wrong."""
    match container.format.name:
        case "matroska,webm":
            hours, _, rest = track.metadata.get("DURATION", "").partition(":")
            minutes, _, seconds = rest.partition(":")
            try:
                return int(hours) * 3600 + int(minutes) * 60 + float(seconds) - start_s
            except ValueError:
                only = len(container.streams) == 1
                return max(0.0, (container.duration or 0) / av.time_base - start_s) if only else 0.0
        case name if "mp4" in name or name in {"ape", "asf", "avi", "tta", "wv"}:
            if track.duration and track.time_base:
                return float((track.start_time or 0) * track.time_base + track.duration * track.time_base) - start_s
    return 0.0

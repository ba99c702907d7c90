"""``POST /v1/audio/transcriptions`` and ``GET /v1/models`` of OpenAI's API (developers.openai.com)."""

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO

from streamstt.compat.language import base_language
from streamstt.compat.openai.errors import ApiError, json_response, to_openai_error
from streamstt.compat.openai.formats import (
    EVENTS_TYPE,
    FORMATS,
    TranscriptionOptions,
    encode_sse,
    format_response,
    format_warnings,
    join_finals,
)
from streamstt.compat.openai.turns import join_text
from streamstt.concurrency import first_completed, run_in_thread
from streamstt.config.compat import CompatSettings
from streamstt.errors import EngineError, SourceError
from streamstt.events import Final
from streamstt.recordings.uploads import UploadedRecording, UploadTranscriber
from streamstt.server.http.multipart import FormError, MultipartForm
from streamstt.server.http.request import HttpRequest
from streamstt.server.http.response import HttpError, Response

log = logging.getLogger(__name__)


class Transcriptions:
    """Serves uploads, a limited number at the same time."""

    def __init__(self, settings: CompatSettings, uploads: UploadTranscriber) -> None:
        """Starts without uploads.

        Args:
            settings: The ``[compat]`` section.
            uploads: Transcribes the recordings.
        """
        self._max_uploads = settings.max_uploads
        self._max_bytes = settings.max_upload_mb * 1_000_000
        self._uploads = uploads
        self._active = 0

    async def serve(self, request: HttpRequest) -> None:
        """Answers one request, with an error if necessary."""
        try:
            if self._active >= self._max_uploads:
                text = f"{self._max_uploads} recordings are being transcribed already (compat.max_uploads)"
                raise ApiError(text, "rate_limit_exceeded", status=HTTPStatus.TOO_MANY_REQUESTS)
            self._active += 1
            try:
                await self._serve(request)
            finally:
                self._active -= 1
        except ApiError as problem:
            await request.respond(problem.response)
        except HttpError as problem:
            await request.respond(to_openai_error(problem.response))

    async def _serve(self, request: HttpRequest) -> None:
        try:
            # A file without a name: nothing of it remains, however the daemon ends.
            file = TemporaryFile()  # noqa: SIM115 - closed below, in a thread
        except OSError as problem:
            raise _storage_error(problem) from problem
        try:
            form = await self._receive(request, file)
            if form.file_name is None:
                raise ApiError("the form contains no file", "missing_required_parameter", "file")
            options = parse_options(form.fields, self._uploads.languages)
            await run_in_thread(partial(file.seek, 0))  # also flushes the buffer
            await first_completed(
                self._respond(request, Path(f"/dev/fd/{file.fileno()}"), form.file_name, options),
                request.wait_disconnected(),
            )
        except OSError as problem:
            if isinstance(problem, ConnectionError):
                raise
            raise _storage_error(problem) from problem
        finally:
            await run_in_thread(file.close)

    async def _receive(self, request: HttpRequest, file: BinaryIO) -> MultipartForm:
        """Receives the form; its file is written to ``file``, on disk because the sender decides its size."""
        try:
            form = MultipartForm(next(iter(request.headers("content-type")), ""), file)
            async for data in request.body(self._max_bytes):
                await run_in_thread(partial(form.feed, data))
            form.end()
        except FormError as problem:
            raise ApiError(str(problem), "invalid_form") from problem
        return form

    async def _respond(self, request: HttpRequest, path: Path, name: str, options: TranscriptionOptions) -> None:
        try:
            recording = self._uploads.recording(path, name[:100], options.language, options.track)
            try:
                await recording.open()
                if options.stream:
                    await _stream_captions(request, recording)
                else:
                    finals = [final async for final in recording.finals()]
                    await request.respond(format_response(finals, recording.duration_s, options, recording.problems))
            finally:
                await recording.close()
        except (SourceError, EngineError) as error:
            problem = _transcription_error(error)
            if not options.stream or request.status is None:
                raise problem from error
            await request.send(encode_sse({"error": problem.data}))
            await request.end()


async def _stream_captions(request: HttpRequest, recording: UploadedRecording) -> None:
    """Sends each caption as soon as it is transcribed, and the whole text at the end."""
    finals: list[Final] = []
    async for final in recording.finals():
        if not finals:
            await request.start_stream(EVENTS_TYPE)
        before = join_finals(finals[-1:])
        delta = join_text(before, final.text, final.language)[len(before) :]
        finals.append(final)
        await request.send(encode_sse({"type": "transcript.text.delta", "delta": delta}))
    if not finals:
        await request.start_stream(EVENTS_TYPE)
    await request.send(
        encode_sse({"type": "transcript.text.done", "text": join_finals(finals)} | format_warnings(recording.problems))
    )
    await request.end()


def _storage_error(error: OSError) -> ApiError:
    log.error("an upload cannot be stored in the folder for temporary files (TMPDIR): %s", error)
    return ApiError("the daemon has no disk space for the file", "no_room", status=HTTPStatus.INSUFFICIENT_STORAGE)


def _transcription_error(error: SourceError | EngineError) -> ApiError:
    if isinstance(error, SourceError):
        return ApiError(str(error), "unsupported_format", "file")
    return ApiError(str(error), "engine_failed", status=HTTPStatus.INTERNAL_SERVER_ERROR)


def parse_options(fields: Mapping[str, Sequence[str]], languages: Sequence[str]) -> TranscriptionOptions:
    """Parses the fields of the form, and ``track``, which the API does not have.

    ``model``, ``prompt`` and ``temperature`` are accepted and ignored.

    Args:
        fields: Name of a field to its values.
        languages: Language codes of the model.

    Raises:
        ApiError: A value is invalid.
    """
    last_values = {name: values[-1] for name, values in fields.items() if values}
    response_format = last_values.get("response_format") or "json"
    if response_format not in FORMATS:
        raise ApiError(
            f"response_format must be one of {', '.join(FORMATS)}; not {response_format[:40]!r}",
            param="response_format",
        )
    language = base_language(last_values.get("language", ""))
    if language not in {"", "auto", *languages}:
        raise ApiError(f"the model knows {', '.join(languages)}; not {language[:20]!r}", param="language")
    key = "timestamp_granularities"
    granularities = {*fields.get(f"{key}[]", ()), *fields.get(key, ())} or {"segment"}
    if not granularities <= {"word", "segment"}:
        raise ApiError(f"{key} must be word or segment", param=key)
    stream = re.fullmatch(r"(?i)true|1", last_values.get("stream", "")) is not None
    track = last_values.get("track") or "0"
    if not re.fullmatch(r"[0-9]{1,3}", track):
        raise ApiError(f"track must be the number of an audio track; not {track[:20]!r}", param="track")
    segments, words = "segment" in granularities, "word" in granularities
    return TranscriptionOptions(language, response_format, segments, words, stream, int(track))


@dataclass(frozen=True, slots=True)
class Models:
    """Answers ``GET /v1/models`` and ``/v1/models/NAME``: only the loaded model exists.

    Attributes:
        name: Returns its name.
    """

    name: Callable[[], str]

    def respond(self, path: str) -> Response | None:
        """Returns the response; None for any other path."""
        name = self.name()
        model = {"id": name, "object": "model", "created": 0, "owned_by": "streamstt"}
        if path == "/v1/models":
            return json_response(HTTPStatus.OK, {"object": "list", "data": [model]})
        if path == f"/v1/models/{name}":
            return json_response(HTTPStatus.OK, model)
        return None

"""Parses ``multipart/form-data`` (RFC 7578) piece by piece: keeps the fields, writes the file to a given one."""

from typing import BinaryIO

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

FILE_FIELD = "file"  # the part with the file
MAX_FIELD_BYTES = 2**16  # bytes of all fields together, with their names
MAX_PARTS = 64


class FormError(ValueError):
    """A body is not a form, or exceeds a limit; the message is for its sender."""


class MultipartForm:
    """A form that is being received.

    Attributes:
        fields: The values of each field, in order.
        file_name: Name of the file on its sender's machine; None: no file has come.
    """

    def __init__(self, content_type: str, file: BinaryIO) -> None:
        """Starts before the first piece.

        Args:
            content_type: ``Content-Type`` of the request.
            file: Where the file is written; may block.

        Raises:
            FormError: The request has no form.
        """
        kind, options = parse_options_header(content_type)
        boundary = options.get(b"boundary", b"")
        if kind != b"multipart/form-data" or not boundary:
            raise FormError("the body must be multipart/form-data with a boundary, as curl -F sends it")
        self.fields: dict[str, list[str]] = {}
        self.file_name: str | None = None
        self._file = file
        self._part_count = self._field_bytes = 0
        self._header = self._value = b""
        self._headers: dict[bytes, bytes] = {}
        self._current_field: tuple[str, bytearray] | None = None  # name and value so far; None: the part is the file
        self._complete = False
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._on_part_begin,
                    "on_header_field": self._on_header_field,
                    "on_header_value": self._on_header_value,
                    "on_header_end": self._on_header_end,
                    "on_headers_finished": self._on_headers_finished,
                    "on_part_data": self._on_part_data,
                    "on_part_end": self._on_part_end,
                    "on_end": self._on_end,
                },
            )
        except FormParserError as error:
            raise FormError(str(error)) from error

    def feed(self, data: bytes) -> None:
        """Parses the next bytes; may block.

        Raises:
            FormError: The form is malformed or too large.
        """
        try:
            self._parser.write(data)
        except FormParserError as error:
            raise FormError(f"the form cannot be read: {error}") from error

    def end(self) -> None:
        """Checks that the form is complete.

        Raises:
            FormError: It is not.
        """
        if not self._complete:
            raise FormError("the form ends in the middle")

    def _on_part_begin(self) -> None:
        self._part_count += 1
        if self._part_count > MAX_PARTS:
            raise FormError(f"a form may have at most {MAX_PARTS} parts")
        self._headers = {}

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]  # the parser bounds it

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header_end(self) -> None:
        self._headers[self._header.lower()] = self._value
        self._header = self._value = b""

    def _on_headers_finished(self) -> None:
        kind, options = parse_options_header(self._headers.get(b"content-disposition"))
        if kind != b"form-data" or b"name" not in options:
            raise FormError("a part has no name")
        name = options[b"name"].decode(errors="replace")
        if name != FILE_FIELD:
            self._count_field_bytes(len(name))
            self._current_field = name, bytearray()
            return
        if self.file_name is not None:
            raise FormError("there are two files; one can be sent at a time")
        self._current_field = None
        self.file_name = options.get(b"filename", b"").decode(errors="replace") or "the file"

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._current_field is None:
            self._file.write(data[start:end])
        else:
            self._count_field_bytes(end - start)
            self._current_field[1].extend(data[start:end])

    def _on_part_end(self) -> None:
        if self._current_field:
            name, value = self._current_field
            self.fields.setdefault(name, []).append(value.decode(errors="replace"))

    def _on_end(self) -> None:
        self._complete = True

    def _count_field_bytes(self, size: int) -> None:
        self._field_bytes += size
        if self._field_bytes > MAX_FIELD_BYTES:
            raise FormError(f"the fields of a form may have at most {MAX_FIELD_BYTES} bytes together")

"""multipart/form-data as a stream of small events: nothing of a file is kept here."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, NamedTuple

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from core.errors import BadInput, TooLarge, UnsupportedMedia
from ingest.limits import body_chunks

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

FIELD_BYTES_MAX = 20_000
PARTS_MAX = 100


class Field(NamedTuple):
    """A whole field that isn't a file."""

    name: str
    value: str


class FileBegins(NamedTuple):
    name: str
    filename: str


class FileBytes(NamedTuple):
    content: bytes


class FileEnds(NamedTuple):
    pass


Event = Field | FileBegins | FileBytes | FileEnds


async def form_events(request: Request) -> AsyncIterator[Event]:
    """The form's parts as they arrive. Raises UnsupportedMedia, BadInput, TooLarge, TooSlow."""
    kind, options = parse_options_header(request.headers.get("content-type"))
    if kind != b"multipart/form-data" or not options.get(b"boundary"):
        raise UnsupportedMedia("Please send a form as multipart/form-data.")
    parts = _Parts()
    try:
        parser = MultipartParser(options[b"boundary"], parts.callbacks())
        async for chunk in body_chunks(request):
            parser.write(chunk)
            for event in parts.take():
                yield event
        parser.finalize()
    except FormParserError:
        raise BadInput({"body": "is not a whole form"}) from None
    if not parts.is_ended:
        raise BadInput({"body": "ended before the form did"})


class _Parts:
    """Turns the parser's callbacks into events."""

    def __init__(self) -> None:
        self.is_ended = False
        self._events: list[Event] = []
        self._count = 0
        self._header = (bytearray(), bytearray())
        self._headers: dict[str, str] = {}
        self._name = ""
        self._is_file = False
        self._value = bytearray()

    def take(self) -> list[Event]:
        events, self._events = self._events, []
        return events

    def callbacks(self) -> MultipartCallbacks:
        return {
            "on_part_begin": self._begin,
            "on_header_field": lambda data, start, end: self._header[0].extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._header[1].extend(data[start:end]),
            "on_header_end": self._header_end,
            "on_headers_finished": self._headers_finished,
            "on_part_data": self._data,
            "on_part_end": self._end,
            "on_end": self._finish,
        }

    def _begin(self) -> None:
        self._count += 1
        if self._count > PARTS_MAX:
            raise TooLarge(f"A form may have {PARTS_MAX} parts at most.")
        self._headers, self._value = {}, bytearray()

    def _header_end(self) -> None:
        name, value = (bytes(part).decode("latin-1") for part in self._header)
        self._headers[name.lower()] = value
        self._header = (bytearray(), bytearray())

    def _headers_finished(self) -> None:
        _, options = parse_options_header(self._headers.get("content-disposition"))
        self._name = options.get(b"name", b"").decode("utf-8", "replace")
        self._is_file = b"filename" in options
        if self._is_file:
            filename = options[b"filename"].decode("utf-8", "replace")
            self._events.append(FileBegins(self._name, filename))

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._is_file:
            self._events.append(FileBytes(data[start:end]))
            return
        self._value += data[start:end]
        if len(self._value) > FIELD_BYTES_MAX:
            raise TooLarge("A field of this form is too long.")

    def _end(self) -> None:
        if self._is_file:
            self._events.append(FileEnds())
        else:
            self._events.append(Field(self._name, self._value.decode("utf-8", "replace")))

    def _finish(self) -> None:
        self.is_ended = True

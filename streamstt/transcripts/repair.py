"""How to bring a live file up to date with its record, whatever a crash or people have done to it. Pure."""

from collections.abc import Sequence

from streamstt.subtitles.formats import HEADERS, LiveFormat


def repair(live_format: LiveFormat, content: bytes, rendered: Sequence[bytes]) -> tuple[int, bytes]:
    """Computes how to bring a live file up to date with its record.

    A crash may have cut the file short. Changes that were made by hand are kept. If the end of no caption can be found
    in the file, new captions are appended to it as it is.

    Args:
        live_format: ``srt``, ``vtt`` or ``txt``.
        content: Content of the file.
        rendered: The record's finals in this format; hidden ones are empty.

    Returns:
        The number of bytes to keep, and the bytes to append.
    """
    header = HEADERS[live_format].encode()
    rendered = [caption for caption in rendered if caption]
    content = content.rstrip(b"\0")  # after a crash, some file systems extend a file before they write its content
    if is_beginning(live_format, content, rendered):
        return len(content), (header + b"".join(rendered))[len(content) :]
    for count in range(len(rendered), 0, -1):
        last, following = rendered[count - 1], rendered[count] if count < len(rendered) else b""
        search_start = max(0, len(content) - len(last) - len(following))
        found = content.rfind(last, search_start)
        end = found + len(last)
        if found >= 0 and following.startswith(content[end:]):
            return end, b"".join(rendered[count:])
    gap = b"\n" if live_format == "txt" else b"\n\n"
    return len(content), b"" if content.endswith(gap) else gap


def is_beginning(live_format: LiveFormat, content: bytes, rendered: Sequence[bytes]) -> bool:
    """Returns whether a live file is the beginning of what it should be, or all of it; arguments as for ``repair``."""
    return (HEADERS[live_format].encode() + b"".join(rendered)).startswith(content)


def revise_content(
    live_format: LiveFormat, content: bytes, before: Sequence[bytes], after: Sequence[bytes], revised: int
) -> bytes:
    """Applies a revision to a live file.

    A file that is as the record was before the revision is written anew. In one that people have changed, the caption
    is replaced where it is found, and all else is kept.

    Args:
        live_format: ``srt``, ``vtt`` or ``txt``.
        content: Content of the file.
        before: The finals before the revision, in this format; hidden ones are empty.
        after: The finals after it.
        revised: Index of the final that was revised.

    Returns:
        The new content; the same if there is nothing to do.
    """
    if is_beginning(live_format, content, after):
        return content
    if is_beginning(live_format, content, before):
        return HEADERS[live_format].encode() + b"".join(after)
    is_applied = bool(after[revised]) and after[revised] in content
    at = _find(content, before, revised, both=is_applied)
    return content if at is None else content[:at] + after[revised] + content[at + len(before[revised]) :]


def _find(content: bytes, rendered: Sequence[bytes], index: int, *, both: bool) -> int | None:
    """Returns where a rendered final is in a file, judged by its neighbors; None if that is not certain.

    Args:
        content: Content of the file.
        rendered: All finals.
        index: Index of the final.
        both: Whether both of its neighbors must be there; otherwise, one is enough.
    """
    previous = next(filter(None, reversed(rendered[:index])), b"")
    following = next(filter(None, rendered[index + 1 :]), b"")
    contexts = [(previous, following), (previous, b""), (b"", following)]
    for context in contexts[:1] if both else contexts:
        sought = rendered[index].join(context)
        at = content.find(sought) if any(context) else -1
        begins_line = at == 0 or content[at - 1 : at] == b"\n"
        if at >= 0 and begins_line and content.find(sought, at + 1) < 0:
            return at + len(context[0])
    return None

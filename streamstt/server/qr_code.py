"""QR codes: as squares for a terminal, as an image for a page."""

import io

import segno

QUIET_ZONE = 2  # light modules around the code; the standard asks for four, and every reader takes two
MAX_TEXT = 600  # characters: more would be too fine to be read from a screen


def qr_rows(text: str) -> list[list[bool]]:
    """Returns the modules of a QR code with its quiet zone, row by row; True is dark."""
    code = segno.make(text, error="m", micro=False)
    return [[bool(module) for module in row] for row in code.matrix_iter(border=QUIET_ZONE)]


def qr_svg(text: str) -> bytes:
    """Returns a QR code as an SVG image, black on white, as large as the page makes it."""
    image = io.BytesIO()
    code = segno.make(text, error="m", micro=False)
    code.save(image, kind="svg", border=4, dark="#000", light="#fff", omitsize=True, xmldecl=False)
    return image.getvalue()

"""What the commands print."""

from streamstt.cli.options import err, out


def test_text_is_printed_as_it_is() -> None:
    """No emoji in a fingerprint, and nothing missing from an IPv6 address."""
    for console in (out, err):
        with console.capture() as capture:
            console.print("78:AB:18, http://[fd00::2]:8765/", highlight=False)
        assert capture.get() == "78:AB:18, http://[fd00::2]:8765/\n"

"""What the commands print."""

from streamstt.cli.options import err, out


def test_text_is_printed_as_it_is() -> None:
    """A fingerprint, or a title, has no emoji in it that nobody wrote."""
    for console in (out, err):
        with console.capture() as capture:
            console.print("78:AB:18 :smile:", highlight=False, markup=False)
        assert capture.get() == "78:AB:18 :smile:\n"

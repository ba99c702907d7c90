"""Errors in the form that OpenAI's clients expect."""

from http import HTTPStatus

import pytest

from streamstt.compat.openai.errors import ApiError, to_openai_error
from streamstt.server.http.response import Response, text_response


@pytest.mark.parametrize(
    "response",
    [
        ApiError("talk.txt is not audio").response,
        to_openai_error(text_response(HTTPStatus.BAD_REQUEST, "talk.txt is not audio\n", Retry_After="10")),
    ],
)
def test_the_log_says_what_was_wrong(response: Response) -> None:
    """It gets the sentence, not the JSON that the client gets."""
    assert response.body.startswith(b'{"error":{"message":"talk.txt is not audio",')
    assert response.refusal == "talk.txt is not audio"

"""A status is called the same by every Python."""

import sys
from http import HTTPStatus

from towpath.domain.phrases import RENAMED, phrase_of


def test_what_newer_pythons_call_otherwise_is_called_as_they_do() -> None:
    assert phrase_of(HTTPStatus(413)) == "Content Too Large"
    assert phrase_of(HTTPStatus(422)) == "Unprocessable Content"


def test_everything_else_is_called_as_python_does() -> None:
    called_otherwise = {int(status) for status in HTTPStatus if phrase_of(status) != status.phrase}
    assert called_otherwise == (set(RENAMED) if sys.version_info < (3, 13) else set())

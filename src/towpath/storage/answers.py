"""What an error of an object store means, read from the long text that obstore gives."""

import html
import re
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Final

from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError

from towpath.domain.error_table import class_of_names
from towpath.domain.paths import ErrorClass
from towpath.storage.protocol import Corrupt, StorageError

OBSTORE_ERRORS: Final = (BaseError, FileNotFoundError, ValueError, OSError)
"""All that obstore raises for an answer that it did not like."""

LONGEST_DETAIL: Final = 200
NO_TOKEN: Final = "NoCredentials"  # noqa: S105  # what it is called where none is given out

_STATUS: Final = re.compile(r"status code: (\d{3})(?: ([A-Za-z' -]+))?")
_BULK: Final = re.compile(r": ([^:]*) \(code: (\d{3})\)")
"""How a delete is refused among many, which is how obstore deletes in Azure."""
_CODE: Final = re.compile(r"<Code>([^<]{1,80})</Code>")
_MESSAGE: Final = re.compile(r"<Message>([^<]+)</Message>")
_DETAILS: Final = re.compile(r"<Details>([^<]+)</Details>")
"""What Google says in particular, whose message says no more than its code."""
_KIND: Final = re.compile(r"kind: (Connect|Timeout|Request|Interrupted|Decode|Unknown)\b")
_DEEPEST: Final = re.compile(r'(?:message|error): "([^"]+)"')
_URI: Final = re.compile(r"https?://[^\s/,]+")
_TOKEN: Final = re.compile(
    r"Error performing (?:token request|[A-Z]+ https?://[^\s/]+/(?:latest/(?:api/token|meta-data)|v[12]/credentials))"
)
"""An exchange with whoever gives out tokens, as a machine's metadata server: the store was not asked yet."""

_NOT_WHAT_WAS_SENT: Final = frozenset(
    {
        "BadDigest",
        "CrcMismatch",
        "XAmzContentSHA256Mismatch",
        "XAmzContentChecksumMismatch",
        "Md5Mismatch",
        "IncompleteBody",
    }
)
_HTTP: Final = {
    "Connect": "no connection",
    "Timeout": "no answer in time",
    "Interrupted": "the connection broke",
    "Decode": "the answer broke off",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a store answered: the HTTP status (0 = none came), the store's own code, and words for people. `tokenless`:
    it was not asked, since no token came from where the credentials lead to."""

    status: int
    code: str
    words: str
    tokenless: bool = False

    @property
    def name(self) -> str:
        """What the error is called, the most exact word last: `503 SlowDown`."""
        spoken = (str(self.status) if self.status else "", self.code if " " not in self.code else "")
        return " ".join(word for word in spoken if word)

    @property
    def past_the_end(self) -> bool:
        """A range was asked for that begins where the object has already ended."""
        return self.status == 416 or self.code in ("InvalidRange", "StartTooLarge")

    @property
    def archived(self) -> bool:
        """The object lies in an archive, or is on its way back."""
        return class_of_names((self.code,)) is ErrorClass.ARCHIVED

    @property
    def missing(self) -> bool:
        """There is no such object, where there is such a bucket."""
        return self.status == 404 and self.code not in ("NoSuchBucket", "ContainerNotFound")


def answer_of(error: Exception) -> Answer:
    """The store's answer, from the text of an obstore error."""
    text = str(error)
    answer = _answer_of(error, text)
    if not _TOKEN.search(text):
        return answer
    refused = HTTPStatus.BAD_REQUEST <= answer.status < HTTPStatus.INTERNAL_SERVER_ERROR
    passing = answer.status in (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)
    code = NO_TOKEN if refused and not passing else str(answer.status or answer.code)
    where = _URI.search(text)
    giver = f" from {where[0]}" if where and answer.status else ""
    return replace(answer, status=0, code=code, words=f"no token{giver}: {answer.words}", tokenless=True)


def _answer_of(error: Exception, text: str) -> Answer:
    status, code = _STATUS.search(text), _CODE.search(text)
    if status:
        number, name = int(status[1]), code[1] if code else (status[2] or "").strip()
        said = _DETAILS.search(text) or _MESSAGE.search(text)
        return Answer(number, name, f"{number} {name}{f': {html.unescape(said[1])}' if said else ''}")
    if bulk := _BULK.search(text):
        return Answer(int(bulk[2]), "", f"{bulk[2]}: {bulk[1]}")
    if isinstance(error, FileNotFoundError):
        return Answer(404, "NotFound", "404 NotFound")
    if "StartTooLarge" in text:
        return Answer(0, "StartTooLarge", "the range begins past the end")
    kind = _KIND.search(text)
    if kind is None:
        return Answer(0, "", text.partition("\n")[0])
    where, deepest = _URI.search(text), _DEEPEST.findall(text)
    words = _HTTP.get(kind[1], "the exchange failed")
    address = f" with {where[0]}" if where else ""
    return Answer(0, kind[1], f"{words}{address}{f': {deepest[-1]}' if deepest else ''}")


def class_of(error: Exception, answer: Answer) -> ErrorClass:
    """What the answer means for what should be done next: the store's own code says more than its status."""
    denied = isinstance(error, PermissionDeniedError | UnauthenticatedError)
    return _known_class(answer) or (ErrorClass.NO_PERMISSION if denied else ErrorClass.PERMANENT)


def _known_class(answer: Answer) -> ErrorClass | None:
    return class_of_names((answer.code, str(answer.status)))


def storage_error(doing: str, error: Exception) -> StorageError:
    """An obstore error in one short line, with its class; `Corrupt` where the store's own check failed."""
    answer = answer_of(error)
    return _told(doing, answer, class_of(error, answer))


def store_refused(doing: str, answer: Answer) -> StorageError:
    """A refusal that the store itself gave, in one short line; `Corrupt` where its own check failed."""
    return _told(doing, answer, _known_class(answer) or ErrorClass.PERMANENT)


def _told(doing: str, answer: Answer, error_class: ErrorClass) -> StorageError:
    words = answer.words
    if len(words) > LONGEST_DETAIL:
        words = words[:LONGEST_DETAIL] + "…"
    if answer.code in _NOT_WHAT_WAS_SENT:
        return Corrupt(f"{doing}: the store refused what arrived there: {words}")
    return StorageError(f"{doing}: {words}", error_class, answer.name)

"""What the notify step promises: a signed webhook, mail, and no secret in a workflow."""

import hashlib
import hmac
import json
import socketserver
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest
from tests.receiver import Receiver, receiving, serving
from tests.step_context import Place, place_with_directory

from towpath.domain.paths import Code, ErrorClass
from towpath.steps.notify import Notify, signature
from towpath.steps.settings import Mail, SiteSettings, Webhook

SECRET = b"a secret of the site"
FACTS = {
    "job": 7,
    "workflow": "migrate",
    "site": "oslo",
    "owner": "ana",
    "retry_of": None,
    "ending": "SUCCESS",
    "created_at": 1_700_000_000_000_000,
    "totals": {"discovered": 3, "done": 3, "not_run": 0},
}


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A site with a directory target."""
    made = place_with_directory(tmp_path)
    made.facts = dict(FACTS)
    yield made
    made.root.close()


@pytest.fixture
def receiver(place: Place) -> Iterator[type[Receiver]]:
    """A webhook `ops` of the site."""
    with receiving() as (port, kind):
        url = f"http://127.0.0.1:{port}/hook"
        place.settings = SiteSettings(webhooks={"ops": Webhook(url, SECRET)})
        yield kind


def test_a_webhook_is_sent_the_jobs_facts_signed(place: Place, receiver: type[Receiver]) -> None:
    step = Notify(clock=lambda: 1_764_000_000.5)
    outcome = place.run_one(step, b"survey", webhook="ops", text="all went to tape")
    assert outcome.code is Code.PROCESSED
    ((headers, body),) = receiver.got
    told = json.loads(body)
    assert told == FACTS | {"created_at": "2023-11-14T22:13:20+00:00", "text": "all went to tape"}
    expected = hmac.new(SECRET, b"1764000000." + body, hashlib.sha256).hexdigest()
    assert headers["X-Towpath-Signature"] == f"t=1764000000,v1={expected}"
    assert signature(b"another", 1764000000, body) != headers["X-Towpath-Signature"]
    assert headers["X-Towpath-Delivery"] == "oslo-70"
    assert SECRET not in body


@pytest.mark.parametrize(
    ("status", "error_class"),
    [
        (500, ErrorClass.TRANSIENT),
        (503, ErrorClass.TRANSIENT),
        (429, ErrorClass.TRANSIENT),
        (400, ErrorClass.PERMANENT),
        (404, ErrorClass.PERMANENT),
        (302, ErrorClass.PERMANENT),
    ],
)
def test_a_status_that_may_pass_is_tried_again_and_any_other_fails(
    place: Place, receiver: type[Receiver], status: int, error_class: ErrorClass
) -> None:
    receiver.status = status
    outcome = place.run_one(Notify(), b"survey", webhook="ops")
    assert (outcome.code, outcome.error_class) == (Code.FAILED, error_class)
    assert outcome.reason == f"webhook ops: expected a status of 200 to 299, found {status}"


def test_a_server_that_is_away_is_tried_again(place: Place, receiver: type[Receiver]) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), receiver)
    server.server_close()
    url = f"http://127.0.0.1:{server.server_port}/"
    place.settings = SiteSettings(webhooks={"ops": Webhook(url, SECRET)})
    outcome = place.run_one(Notify(), b"survey", webhook="ops")
    assert (outcome.code, outcome.error_class) == (Code.FAILED, ErrorClass.TRANSIENT)


@pytest.mark.parametrize(
    ("when", "ending", "told"),
    [
        ("always", "SUCCESS", True),
        ("always", "FAILURE", True),
        ("success", "SUCCESS", True),
        ("success", "FAILURE", False),
        ("failure", "SUCCESS", False),
        ("failure", "FAILURE", True),
    ],
)
def test_when_says_which_endings_are_told(
    place: Place, receiver: type[Receiver], when: str, ending: str, told: bool
) -> None:
    place.facts["ending"] = ending
    outcome = place.run_one(Notify(), b"survey", webhook="ops", when=when)
    assert outcome.code is (Code.PROCESSED if told else Code.SKIPPED)
    assert len(receiver.got) == told


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, "expected a webhook or mail_to, found neither"),
        ({"webhook": "opps"}, "has set none 'opps', did you mean 'ops'?"),
        ({"mail_to": "ana@example.org"}, "has set no mail server"),
    ],
)
def test_a_receiver_that_the_settings_do_not_have_is_told(
    place: Place, receiver: type[Receiver], arguments: dict[str, str], said: str
) -> None:
    outcome = place.run_one(Notify(), b"survey", **arguments)
    assert outcome.code is Code.FAILED
    assert said in outcome.reason
    assert receiver.got == []


# Mail ---------------------------------------------------------------------------------------------------------


class MailServer(socketserver.StreamRequestHandler):
    """As much of SMTP as a client without login needs; `answer` is what it says to a recipient."""

    answer: ClassVar[bytes] = b"250 ok"
    got: ClassVar[list[bytes]] = []

    def handle(self) -> None:
        """Talk to one client."""
        self.say(b"220 here")
        while line := self.rfile.readline():
            verb = line[:4].upper()
            if verb == b"RCPT":
                self.say(self.answer)
            elif verb == b"DATA":
                self.say(b"354 go on")
                self.got.append(b"".join(iter(self.rfile.readline, b".\r\n")))
                self.say(b"250 kept")
            elif verb == b"QUIT":
                self.say(b"221 bye")
                return
            else:
                self.say(b"250 ok")

    def say(self, line: bytes) -> None:
        """Answer."""
        self.wfile.write(line + b"\r\n")


@pytest.fixture
def mail(place: Place) -> Iterator[type[MailServer]]:
    """The site's mail server."""
    kind = type("One", (MailServer,), {"got": [], "answer": b"250 ok"})
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), kind)
    port = server.server_address[1]
    place.settings = SiteSettings(mail=Mail("127.0.0.1", port, "towpath@example.org", "none"))
    with serving(server):
        yield kind


def test_mail_is_sent_to_each_address_by_the_sites_server(place: Place, mail: type[MailServer]) -> None:
    outcome = place.run_one(Notify(), b"survey", mail_to="ana@example.org, bo@example.org", text="Done.")
    assert outcome.code is Code.PROCESSED
    (message,) = mail.got
    assert b"Subject: Job 7 (migrate at oslo): SUCCESS\r\n" in message
    assert b"From: towpath@example.org\r\n" in message
    assert b"To: ana@example.org, bo@example.org\r\n" in message
    assert b"Message-ID: <job-7.70@example.org>\r\n" in message
    assert b"\r\n\r\nDone.\r\n\r\ndiscovered: 3\r\ndone: 3\r\nnot run: 0\r\n" in message


@pytest.mark.parametrize(
    ("answer", "error_class"),
    [(b"451 later", ErrorClass.TRANSIENT), (b"550 nobody here", ErrorClass.PERMANENT)],
)
def test_a_recipient_that_is_refused_is_told(
    place: Place, mail: type[MailServer], answer: bytes, error_class: ErrorClass
) -> None:
    mail.answer = answer
    outcome = place.run_one(Notify(), b"survey", mail_to="ana@example.org")
    assert (outcome.code, outcome.error_class) == (Code.FAILED, error_class)
    assert f"ana@example.org: {answer.decode()}" in outcome.reason


def test_a_mail_server_that_is_away_is_tried_again(place: Place) -> None:
    server = socketserver.TCPServer(("127.0.0.1", 0), MailServer)
    server.server_close()
    port = server.server_address[1]
    place.settings = SiteSettings(mail=Mail("127.0.0.1", port, "towpath@example.org", "none"))
    outcome = place.run_one(Notify(), b"survey", mail_to="ana@example.org")
    assert (outcome.code, outcome.error_class) == (Code.FAILED, ErrorClass.TRANSIENT)

"""The step that tells a webhook, or people by mail, how a job ended."""

import hmac
import json
import smtplib
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any, ClassVar, Final

import httpx

from towpath.domain.catalogue import NOTIFY, StepSpec
from towpath.domain.errors import did_you_mean
from towpath.domain.paths import ErrorClass, PathOutcome
from towpath.steps.outcomes import all_failed, failed, processed, skipped
from towpath.steps.protocol import Context, Item
from towpath.steps.settings import Mail, Webhook
from towpath.storage.protocol import StorageError

WITHIN: Final = 30.0
"""Seconds that a server has to answer."""
SIGNATURE: Final = "X-Towpath-Signature"
DELIVERY: Final = "X-Towpath-Delivery"
_PASSING: Final = frozenset({408, 425, 429})
_TEMPORARY: Final = range(400, 500)
"""Answers of a mail server that say that it may work later."""


def signature(secret: bytes, at: int, body: bytes) -> str:
    """What stands in `X-Towpath-Signature`: the time in seconds, and the HMAC-SHA256 of `<time>.<body>`."""
    return f"t={at},v1={hmac.new(secret, b'%d.' % at + body, 'sha256').hexdigest()}"


class Notify:
    """Tells how its job ended; it runs once, when all else is over. A job that was cancelled tells nothing.

    - `webhook`: a webhook of the site's settings, by name. It is sent a POST with a JSON body, and two headers:
      `X-Towpath-Signature: t=<seconds>,v1=<hex>`, the HMAC-SHA256 of `<seconds>.<body>` under the secret that the
      settings name; and `X-Towpath-Delivery`, which is the same where the same is sent again.
    - `mail_to`: addresses, with commas between; sent through the mail server of the site's settings.
    - `when`: `always`, or only jobs that end in `success`, or in `failure`.
    - `text`: a sentence that goes with it.

    A server that is away, or busy, is tried again later; one that refuses fails the step. A secret never stands in
    a workflow.
    """

    spec: ClassVar[StepSpec] = NOTIFY

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock

    def run(self, context: Context) -> Iterator[PathOutcome]:
        """Tell it; see the class."""
        try:
            webhook, mail = _receivers(context)
        except StorageError as error:
            return all_failed(context, error)

        def work(item: Item) -> PathOutcome:
            return self._tell(context, item, webhook, mail)

        return context.each(work, context.items)

    def _tell(self, context: Context, item: Item, webhook: Webhook | None, mail: Mail | None) -> PathOutcome:
        when, ending = context.arguments["when"], str(context.facts.get("ending", ""))
        if when not in ("always", ending.lower()):
            return skipped(item, f"the job ends in {ending}, and only {when} is told")
        context.confirm()
        refused = self._post(context, item, webhook) if webhook else None
        if refused is None and mail is not None:
            refused = _send(context, item, mail, self._clock())
        return refused or processed(item)

    def _post(self, context: Context, item: Item, webhook: Webhook) -> PathOutcome | None:
        at, body = int(self._clock()), json.dumps(_told(context), sort_keys=True).encode()
        headers = {
            "Content-Type": "application/json",
            SIGNATURE: signature(webhook.secret, at, body),
            DELIVERY: f"{context.site.name}-{context.task}",
        }
        name = context.arguments["webhook"]
        try:
            status = httpx.post(webhook.url, content=body, headers=headers, timeout=WITHIN).status_code
        except httpx.HTTPError as error:
            return failed(item, f"webhook {name}: {error}", ErrorClass.TRANSIENT)
        if 200 <= status < 300:
            return None
        passing = status >= 500 or status in _PASSING
        error_class = ErrorClass.TRANSIENT if passing else ErrorClass.PERMANENT
        return failed(item, f"webhook {name}: expected a status of 200 to 299, found {status}", error_class)


def _receivers(context: Context) -> tuple[Webhook | None, Mail | None]:
    """Who is told; raises `StorageError` where the settings do not have it, or nobody is."""
    name, mail_to = context.arguments["webhook"], context.arguments["mail_to"]
    settings, site = context.site.settings, context.site.name
    wrong = ""
    if not name and not mail_to:
        wrong = "expected a webhook or mail_to, found neither"
    elif name and name not in settings.webhooks:
        known = did_you_mean(name, settings.webhooks)
        wrong = f"webhook: the administrator of site {site} has set none '{name}'{known}"
    elif mail_to and settings.mail is None:
        wrong = f"mail_to: the administrator of site {site} has set no mail server"
    if wrong:
        raise StorageError(wrong, ErrorClass.PERMANENT)
    return (settings.webhooks[name] if name else None), (settings.mail if mail_to else None)


def _told(context: Context) -> Mapping[str, Any]:
    """What a webhook is told: the job's facts, and the workflow's own sentence."""
    made = context.facts.get("created_at")
    at = None if made is None else datetime.fromtimestamp(made / 1e6, UTC).isoformat()
    return {**context.facts, "created_at": at, "text": context.arguments["text"]}


def _send(context: Context, item: Item, mail: Mail, now: float) -> PathOutcome | None:
    """Send the mail; None once the server has taken it."""
    try:
        with _connected(mail) as server:
            server.send_message(_message(context, mail, now))
    except smtplib.SMTPResponseException as error:
        passing = error.smtp_code in _TEMPORARY
        said = error.smtp_error.decode("utf-8", "replace") if isinstance(error.smtp_error, bytes) else ""
        error_class = ErrorClass.TRANSIENT if passing else ErrorClass.PERMANENT
        return failed(item, f"mail by {mail.host}: {error.smtp_code} {said}", error_class)
    except smtplib.SMTPRecipientsRefused as error:
        refused = "; ".join(
            f"{address}: {code} {text.decode('utf-8', 'replace')}"
            for address, (code, text) in error.recipients.items()
        )
        passing = all(code in _TEMPORARY for code, _ in error.recipients.values())
        error_class = ErrorClass.TRANSIENT if passing else ErrorClass.PERMANENT
        return failed(item, f"mail by {mail.host}: {refused}", error_class)
    except (smtplib.SMTPException, OSError) as error:
        return failed(item, f"mail by {mail.host}: {error}", ErrorClass.TRANSIENT)
    return None


def _connected(mail: Mail) -> smtplib.SMTP:
    if mail.security == "tls":
        server: smtplib.SMTP = smtplib.SMTP_SSL(
            mail.host, mail.port, timeout=WITHIN, context=ssl.create_default_context()
        )
    else:
        server = smtplib.SMTP(mail.host, mail.port, timeout=WITHIN)
    try:
        if mail.security == "starttls":
            server.starttls(context=ssl.create_default_context())
        if mail.user:
            server.login(mail.user, mail.password)
    except BaseException:
        server.close()
        raise
    return server


def _message(context: Context, mail: Mail, now: float) -> EmailMessage:
    facts, text = context.facts, context.arguments["text"]
    totals = facts.get("totals", {})
    lines = [f"{name.replace('_', ' ')}: {number}" for name, number in totals.items()]
    message = EmailMessage()
    message["Subject"] = (
        f"Job {facts.get('job')} ({facts.get('workflow')} at {facts.get('site')}): {facts.get('ending')}"
    )
    message["From"], message["To"] = mail.sender, context.arguments["mail_to"]
    message["Date"] = datetime.fromtimestamp(now, UTC)
    message["Message-ID"] = f"<job-{facts.get('job')}.{context.task}@{mail.sender.rpartition('@')[2]}>"
    message.set_content("\n".join([*([text, ""] if text else []), *lines, ""]))
    return message

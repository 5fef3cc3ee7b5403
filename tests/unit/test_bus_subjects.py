"""Subjects of the bus: which there are, who may use them, and where the hub may answer."""

import pytest

from towpath.bus.subjects import (
    Request,
    inbox,
    parse_request,
    permissions,
    reply_allowed,
    request_subject,
    wake_subject,
)
from towpath.domain.errors import Mistake


def test_a_node_may_ask_in_its_own_name_and_hear_its_site_and_its_inbox_and_nothing_else() -> None:
    rights = permissions("oslo", "n1")
    assert rights.publish == ("hub.oslo.n1.>",)
    assert rights.subscribe == ("site.oslo.>", "_INBOX.oslo.n1.>")


def test_names_that_join_to_the_same_text_do_not_share_an_inbox() -> None:
    assert inbox("a_b", "c") != inbox("a", "b_c")
    assert not set(permissions("a_b", "c").subscribe) & set(permissions("a", "b_c").subscribe)


@pytest.mark.parametrize("name", ["", "a.b", "*", ">", "a b", "a\r\nPUB", "ø", "x" * 65, '"'])
def test_what_is_no_name_makes_no_subject(name: str) -> None:
    for make in (
        lambda: permissions(name, "n1"),
        lambda: permissions("oslo", name),
        lambda: request_subject("oslo", "n1", name),
        lambda: request_subject(name, "n1", "claim"),
        lambda: inbox("oslo", name),
        lambda: wake_subject(name),
    ):
        with pytest.raises(Mistake, match="expected 1 to 64 letters"):
            make()


def test_a_request_is_read_from_the_subject_that_was_made_for_it() -> None:
    assert parse_request(request_subject("oslo", "n1", "claim")) == Request("oslo", "n1", "claim")


@pytest.mark.parametrize(
    "subject",
    [
        "",
        "hub",
        "hub.oslo.n1",
        "hub.oslo.n1.claim.more",
        "hub..n1.claim",
        "hub.*.n1.claim",
        "site.oslo.n1.claim",
    ],
)
def test_a_subject_of_another_form_is_no_request(subject: str) -> None:
    assert parse_request(subject) is None
    assert not reply_allowed(subject, "_INBOX.oslo.n1.x")


def test_the_hub_may_answer_in_the_inbox_of_the_node_that_asked() -> None:
    assert reply_allowed("hub.oslo.n1.claim", "_INBOX.oslo.n1.4f.17")


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "_INBOX.oslo.n1",
        "_INBOX.oslo.n1.",
        "_INBOX.oslo.n1..x",
        "_INBOX.oslo.n1.>",
        "_INBOX.oslo.n1.*",
        "_INBOX.oslo.n1.x\r\nPUB",
        "_INBOX.oslo.n1.x\n",
        "_INBOX.oslo.n11.x",
        "_INBOX.oslo.n2.x",
        "_INBOX.rome.n1.x",
        "_INBOX.x",
        "x_INBOX.oslo.n1.x",
        "hub.rome.n1.claim",
        "site.rome.wake",
        "$JS.API.STREAM.CREATE.X",
        "_HUB.x",
    ],
)
def test_the_hub_may_answer_nowhere_else(reply: str) -> None:
    assert not reply_allowed("hub.oslo.n1.claim", reply)

"""The settings of a site's steps: what an administrator may say, and how a mistake is told."""

from pathlib import Path

import pytest

from towpath.domain.errors import Mistake
from towpath.steps.settings import Command, Mail, Webhook, read_settings

WHOLE = """
[commands.thumbnails]
argv = ["/usr/local/bin/thumbnails", "--batch"]
timeout = 600
user = "nobody"
answers = "status"

[webhooks.ops]
url = "https://example.org/hook"
secret_file = "SECRET"

[mail]
host = "mail.example.org"
sender = "towpath@example.org"
user = "towpath"
password_file = "SECRET"
"""


def write(tmp_path: Path, text: str) -> Path:
    """A settings file beside a secret."""
    secret = tmp_path / "secret"
    secret.write_text("open sesame\n")
    secret.chmod(0o600)
    path = tmp_path / "site.toml"
    path.write_text(text.replace("SECRET", str(secret)))
    return path


def test_all_that_may_be_said_is_read_and_no_secret_is_shown(tmp_path: Path) -> None:
    settings = read_settings(write(tmp_path, WHOLE))
    argv = ("/usr/local/bin/thumbnails", "--batch")
    assert settings.commands == {"thumbnails": Command(argv, 600, "nobody", "status")}
    assert settings.webhooks == {"ops": Webhook("https://example.org/hook", b"open sesame")}
    assert settings.mail == Mail(
        "mail.example.org", 587, "towpath@example.org", "starttls", "towpath", "open sesame"
    )
    assert "sesame" not in repr(settings)


def test_what_is_left_out_has_its_default(tmp_path: Path) -> None:
    settings = read_settings(write(tmp_path, '[commands.a]\nargv = ["/bin/true"]\n'))
    assert settings.commands == {"a": Command(("/bin/true",), 3600, "", "lines")}
    assert (settings.webhooks, settings.mail) == ({}, None)


@pytest.mark.parametrize(("security", "port"), [("tls", 465), ("starttls", 587), ("none", 25)])
def test_mail_has_the_port_of_its_security(tmp_path: Path, security: str, port: int) -> None:
    text = f'[mail]\nhost = "h"\nsender = "a@b"\nsecurity = "{security}"\n'
    mail = read_settings(write(tmp_path, text)).mail
    assert mail is not None
    assert (mail.port, mail.security) == (port, security)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x", "expected TOML"),
        ("comands = {}", "comands: unknown key, did you mean 'commands'?"),
        (
            '[commands.a]\nargv = ["true"]',
            "commands.a.argv: expected a list that begins with the absolute path",
        ),
        ("[commands.a]", "commands.a.argv: expected a list that begins"),
        (
            '[commands.a]\nargv = ["/bin/true"]\ntimeout = 0',
            "timeout: expected a whole number from 1 to 604800",
        ),
        ('[commands.a]\nargv = ["/bin/true"]\nanswers = "x"', "expected one of lines, status, found 'x'"),
        ('[commands."a b"]\nargv = ["/bin/true"]', "commands: expected 1 to 64 letters"),
        ('[webhooks.a]\nurl = "ftp://x"\nsecret_file = "SECRET"', "expected an http or https URL"),
        ('[webhooks.a]\nurl = "http://x"', "expected the path of a file that holds a secret"),
        ('[webhooks.a]\nurl = "http://x"\nsecret_file = "/no/such"', "/no/such: No such file or directory"),
        ('[mail]\nhost = "h"\nsender = "a"', "mail: expected a host, and a sender"),
        ('[mail]\nhost = "h"\nsender = "a@b"\nport = 70000', "port: expected a whole number from 1 to 65535"),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(Mistake) as caught:
        read_settings(write(tmp_path, text))
    assert said in str(caught.value)


def test_a_secret_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, WHOLE)
    (tmp_path / "secret").chmod(0o644)
    with pytest.raises(Mistake, match="expected that only its owner may read"):
        read_settings(path)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(Mistake, match="expected a TOML file, found: No such file"):
        read_settings(tmp_path / "none.toml")

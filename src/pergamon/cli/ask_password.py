"""How a password comes in: unseen at a terminal, or one line of standard input; never an argument, never shown."""

import sys

import click

from pergamon.identity import LONGEST_PASSWORD
from pergamon.kernel import Invalid

from_stdin_option = click.option(
    "--from-stdin", is_flag=True, help="Read the password, one line, from standard input, as without a terminal."
)


def ask_password(question: str, *, from_stdin: bool, twice: bool = False) -> str:
    """The password as it was typed or piped.

    Raises:
        Invalid: it is empty, is more than one line, or is not text in UTF-8.
    """
    if from_stdin or not sys.stdin.isatty():
        return _one_line(sys.stdin.buffer.read(4 * LONGEST_PASSWORD + 3))
    typed = str(click.prompt(question, hide_input=True, confirmation_prompt=twice, err=True))
    return _text(typed.encode(errors="surrogateescape"))


def _one_line(given: bytes) -> str:
    line, _, more = given.partition(b"\n")
    if more:
        raise Invalid("standard input has more than one line", hint="give the password alone")
    return _text(line.removesuffix(b"\r"))


def _text(given: bytes) -> str:
    if not given:
        raise Invalid("there is no password on standard input", hint="one line, the password alone")
    try:
        return given.decode()
    except UnicodeDecodeError:
        raise Invalid("the password is not text in UTF-8", hint="give it in UTF-8") from None

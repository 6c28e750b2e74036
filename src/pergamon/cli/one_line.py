"""Text as a terminal may show it: a name that somebody made up cannot forge a line, or speak to the terminal."""


def one_line(text: str) -> str:
    """One character for each, so that ranges in it still fit."""
    return "".join(c if c.isprintable() else "·" for c in text)


def several_lines(text: str) -> str:
    """As `one_line`, of a text that has lines of its own."""
    return "\n".join(map(one_line, text.split("\n")))

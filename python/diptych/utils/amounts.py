"""Numbers as people give them, and as they are shown."""

from __future__ import annotations

from diptych.errors import ConfigError


def number_or_share(value: object, place: str) -> float:
    """How many, or which share.

    Parameters
    ----------
    value : a whole number, or a fraction from 0.0 to 1.0; or either as text: ``"5"``, ``"0.001"``, ``"0.1%"``
    place : the setting or flag, for messages

    Returns
    -------
    int or float
        a whole number is a number of things, a fraction a share of them

    Raises
    ------
    ConfigError
        If it is none of these.

    Examples
    --------
    >>> number_or_share("0.1%", "--max-bad"), number_or_share("5", "--max-bad")
    (0.001, 5)
    """
    number = _number(value.strip()) if isinstance(value, str) else value
    if isinstance(number, int) and not isinstance(number, bool) and number >= 0:
        return number
    if isinstance(number, float) and 0.0 <= number <= 1.0:
        return number
    raise ConfigError(f"{place} = {value!r}: give a number such as 5, or a share such as 0.001 or '0.1%'")


def _number(text: str) -> float | None:
    try:
        if text.endswith("%"):
            return float(text[:-1]) / 100
        return int(text) if text.isdecimal() else float(text)
    except ValueError:
        return None


def counted(n: int, noun: str) -> str:
    """A number of things, in as many words as it takes.

    Parameters
    ----------
    n : how many
    noun : what one of them is called; more get an s

    Examples
    --------
    >>> counted(1, "statement"), counted(2000, "statement")
    ('1 statement', '2,000 statements')
    """
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def percent(share: float, decimals: int | None = None) -> str:
    r"""A share in per cent, with a space that is not broken.

    Parameters
    ----------
    share : from 0 to 1
    decimals : after the point; None for as many as there are

    Examples
    --------
    >>> percent(0.05), percent(0.1234, 1)
    ('5\xa0%', '12.3\xa0%')
    """
    number = f"{100 * float(share):g}" if decimals is None else f"{100 * float(share):.{decimals}f}"
    return f"{number}\N{NO-BREAK SPACE}%"

"""Keys: from the environment or a ``.env`` file, and to nowhere but the SDK that sends them."""

from __future__ import annotations

import os
import re
from pathlib import Path

from pydantic import SecretStr

from diptych.errors import ConfigError

_NAMES_A_KEY = re.compile(r"(?:KEY|TOKEN|SECRET|PASSWORD)$")
_SHORTEST_KEY = 8
_LINE = re.compile(r"(?:export\s+)?([A-Za-z_]\w*)\s*=\s*(.*)")


def find_key(variable: str, *, folder: Path | None = None) -> SecretStr | None:
    """The value of an environment variable, else of a line ``NAME=value`` of the file ``.env``; None without either.

    Parameters
    ----------
    variable : for example ``"OPENAI_API_KEY"``
    folder : where ``.env`` may lie; the working directory where None

    Returns
    -------
    SecretStr
        Shows as asterisks wherever it is printed.

    Raises
    ------
    ConfigError
        If a line of ``.env`` is not ``NAME=value``, or the key holds what no header can carry: never shows either.

    Examples
    --------
    >>> print(find_key("HOME"))
    **********
    """
    value = os.environ.get(variable, "").strip() or _read((folder or Path.cwd()) / ".env").get(variable, "")
    if not value:
        return None
    if not re.fullmatch(r"[\x21-\x7e]+", value):
        raise ConfigError(f"{variable} holds characters that no key has (blanks or letters beyond ASCII). Set it anew.")
    return SecretStr(value)


def _read(path: Path) -> dict[str, str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path.name}: cannot be read as UTF-8 text ({type(error).__name__})") from None
    values = {}
    for number, line in enumerate(map(str.strip, lines), start=1):
        if not line or line.startswith("#"):
            continue
        found = _LINE.fullmatch(line)
        if not found:
            raise ConfigError(f"{path.name}:{number}: expected NAME=value")
        values[found[1]] = _unquoted(found[2])
    return values


def _unquoted(value: str) -> str:
    quoted = re.fullmatch(r"""(["'])(.*)\1""", value)
    return quoted[2] if quoted else value


def without_keys(text: str) -> str:
    """Text of this machine without the keys of its environment, and without all that looks like one.

    Parameters
    ----------
    text : a command line, for example

    Examples
    --------
    >>> without_keys("ask --header sk-CANARY-1234567890")
    'ask --header [key]'
    """
    for name, value in os.environ.items():
        if _NAMES_A_KEY.search(name) and len(value) >= _SHORTEST_KEY:
            text = text.replace(value, "[key]")
    return without_key(text, None)


def without_key(text: str, key: SecretStr | None) -> str:
    """Text of another machine with every copy of the key taken out, and all that looks like one.

    Parameters
    ----------
    text : an error message, for example
    key : what must not be in it

    Examples
    --------
    >>> without_key("Incorrect key: sk-CANARY-1234567890.", None)
    'Incorrect key: [key].'
    """
    if key is not None and key.get_secret_value():
        text = text.replace(key.get_secret_value(), "[key]")
    return re.sub(r"\b(?:sk|pk|rk)-[\w*-]{6,}", "[key]", text)

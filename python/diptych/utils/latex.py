"""LaTeX in which hostile text stays text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from diptych.utils.text import printable

_MARKS: Final = str.maketrans(
    {
        "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%",
        "_": r"\_", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "<": r"\textless{}",
        ">": r"\textgreater{}", "|": r"\textbar{}", '"': r"\textquotedbl{}", "`": r"\textasciigrave{}",
        "[": "{[}", "]": "{]}",
    }
)  # fmt: skip


def as_latex(rows: Sequence[Sequence[Any]]) -> str:
    r"""A table in LaTeX, without packages, in which no text can end a cell or be taken for a command.

    Parameters
    ----------
    rows : names of columns first

    Examples
    --------
    >>> print(as_latex([["dose", "said"], [0.2, "50 % & more"]]), end="")
    \begin{tabular}{ll}
    \hline
    dose & said \\
    \hline
    0.2 & 50 \% \& more \\
    \hline
    \end{tabular}
    """
    lines = [" & ".join(map(latex_cell, row)) + r" \\" for row in rows]
    columns = "l" * len(rows[0])
    return "\n".join(
        [
            rf"\begin{{tabular}}{{{columns}}}",
            r"\hline",
            lines[0],
            r"\hline",
            *lines[1:],
            r"\hline",
            r"\end{tabular}",
            "",
        ]
    )


def latex_cell(value: Any) -> str:
    r"""A value on one line, with every mark of LaTeX escaped.

    Parameters
    ----------
    value : a text or a number; None for nothing

    Examples
    --------
    >>> latex_cell(r"\input{x}"), latex_cell(0.25), latex_cell(None)
    ('\\textbackslash{}input\\{x\\}', '0.25', '--')
    """
    if value is None:
        return "--"
    if isinstance(value, float):
        return f"{value:.3g}"
    return printable(" ".join(str(value).split())).translate(_MARKS)

"""What one side of a cluster is like that the other is not, in the words of a model, checked blind."""

from __future__ import annotations

from collections.abc import Sequence

from diptych.clustering.judging import HeldOut, Label, validate_labels
from diptych.clustering.naming import N_HELD_OUT, Contrast, Shown, propose_labels
from diptych.errors import ShapeError
from diptych.models.assistant import Assistant
from diptych.models.untrusted import orders_in
from diptych.utils.hashing import hex_digests

N_SHOWN = 8
"""Texts of each side that are shown."""


def show_sides(
    texts: Sequence[str], units: Sequence[str], is_second: Sequence[bool], *, seed: int
) -> tuple[Shown, Shown]:
    """Texts of two sides to say by how each differs from the other, and texts held out.

    Parameters
    ----------
    texts : n; of equal ones on a side one is used, and those that both sides have are left out
    units : of each text, such as its prompt: those that are shown have no unit in common with those held out
    is_second : n, which side a text is of
    seed : of what is held out

    Returns
    -------
    Shown, Shown
        the first side before the second, and the second before the first

    Raises
    ------
    ShapeError
        If the lengths differ.

    Notes
    -----
    Texts with orders in them (``orders_in``) are left out. A third of the units is shown.

    Examples
    --------
    >>> texts = [f"{side} {i}" for i in range(9) for side in ("tea", "coffee")]
    >>> tea, coffee = show_sides(texts, [str(i // 2) for i in range(18)], [False, True] * 9, seed=0)
    >>> {text[:3] for text in tea.contrast.inside + tea.held_out.inside}, len(tea.contrast.inside)
    ({'tea'}, 3)
    >>> coffee.held_out.inside == tea.held_out.outside
    True
    """
    if not len(texts) == len(units) == len(is_second):
        raise ShapeError(f"{len(texts)} texts, {len(units)} units, {len(is_second)} sides; give one of each a text")
    names = sorted(set(units))
    digests = hex_digests("diptych/contrast/1", [[str(seed)] * len(names), names])
    rank = {name: place for place, (_, name) in enumerate(sorted(zip(digests, names, strict=True)))}
    rows = sorted(range(len(texts)), key=lambda i: (rank[units[i]], texts[i]))
    first, second = ({texts[i] for i in rows if is_second[i] == side} for side in (False, True))
    usable = [i for i in rows if not (texts[i] in first and texts[i] in second) and not orders_in(texts[i])]
    shown: list[tuple[str, ...]] = []
    held_out: list[tuple[str, ...]] = []
    for side in (False, True):
        mine = [i for i in usable if is_second[i] == side]
        for kept, most, is_shown in ((shown, N_SHOWN, True), (held_out, N_HELD_OUT, False)):
            chosen = (texts[i] for i in mine if (3 * rank[units[i]] < len(names)) is is_shown)
            kept.append(tuple(dict.fromkeys(chosen))[:most])
    return (
        Shown(Contrast(shown[0], shown[1]), HeldOut(held_out[0], held_out[1])),
        Shown(Contrast(shown[1], shown[0]), HeldOut(held_out[1], held_out[0])),
    )


def name_contrasts(labeller: Assistant, judge: Assistant, shown: Sequence[Shown], *, seed: int) -> list[Label | None]:
    """What each group is like that the other is not, with what a blind judge made of it.

    Parameters
    ----------
    labeller : says it, from what is shown
    judge : says of which held-out texts it holds; may be the same
    shown : groups, as ``show_sides`` gives them
    seed : of the run

    Returns
    -------
    list
        None where one side shows nothing, or the model said nothing that could be read

    Raises
    ------
    ConfigError, BudgetError, ModelError, LedgerError
        As ``Assistant.ask_objects`` does.
    """
    asked = [number for number, one in enumerate(shown) if one.contrast.inside and one.contrast.outside]
    proposed = propose_labels(labeller, [shown[number].contrast for number in asked], seed=seed)
    candidates: list[tuple[str, ...]] = [()] * len(shown)
    for number, some in zip(asked, proposed, strict=True):
        candidates[number] = some
    return validate_labels(judge, candidates, [one.held_out for one in shown], seed=seed)

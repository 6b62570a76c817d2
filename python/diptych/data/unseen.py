"""Prompts that were not there before: what a model proposes, without what is no text, too long, or there already."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass
class Unseen:
    """Lets each text through once; another is the same but for case and spaces.

    Parameters
    ----------
    max_chars : longer texts are left out
    counts : of what was left out, in words

    Examples
    --------
    >>> unseen = Unseen(20)
    >>> unseen.fresh(["Why?", " why? ", "", "How?"], "prompts"), dict(unseen.counts)
    (['Why?', 'How?'], {'prompts that were there before': 1, 'prompts that are no text': 1})
    """

    max_chars: int
    counts: Counter[str] = field(default_factory=Counter)
    _seen: set[str] = field(default_factory=set)

    def fresh(self, texts: Iterable[str], what: str) -> list[str]:
        """Those that can be asked and were not seen before, stripped, in order.

        Parameters
        ----------
        texts : as they came
        what : they are called, in the plural, in ``counts``
        """
        fresh = []
        for text in (one.strip() for one in texts):
            name = " ".join(text.split()).casefold()
            if not name or not _is_text(text):
                self.counts[f"{what} that are no text"] += 1
            elif len(text) > self.max_chars:
                self.counts[f"{what} of more than {self.max_chars:,} characters"] += 1
            elif name in self._seen:
                self.counts[f"{what} that were there before"] += 1
            else:
                self._seen.add(name)
                fresh.append(text)
        return fresh


def _is_text(text: str) -> bool:
    """Whether it can be written as UTF-8: half a surrogate pair cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True

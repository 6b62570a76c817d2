"""The ledger: every hypothesis, written down before it is tested."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from diptych._types import Json
from diptych.comparison.measures import Measure
from diptych.errors import RunError
from diptych.utils.hashing import content_hash
from diptych.utils.text import json_lines, parse_json

_START = "0" * 64
_DOMAIN = "diptych/hypothesis/1"


class Ledger:
    """An append-only list in which each entry holds the hash of the one before it.

    Examples
    --------
    >>> ledger = Ledger()
    >>> measure = Measure("surface.words", "surface", "writes more words", "writes fewer words", "words", "number")
    >>> ledger.append(measure, seen="…", tested_on="all prompts")
    >>> len(ledger)
    1
    """

    def __init__(self) -> None:
        self._entries: list[Json] = []

    def __len__(self) -> int:
        return len(self._entries)

    def append(self, measure: Measure, *, seen: str, tested_on: str) -> None:
        """Write down a hypothesis: that the arms differ in this measure.

        Parameters
        ----------
        measure : what is measured
        seen : hash of the prompts that it was chosen by
        tested_on : which prompts it is tested on
        """
        entry = {**measure.as_json(), "discovery_prompts": seen, "tested_on": tested_on}
        self._entries.append(link(entry, self._entries))

    def to_jsonl(self) -> str:
        """One entry a line."""
        return json_lines(self._entries)


def link(entry: Json, before: Sequence[Json]) -> Json:
    """An entry as it stands in a chain: numbered, with the hash of the one before it and its own.

    Parameters
    ----------
    entry : what it says
    before : the entries of the chain so far

    Examples
    --------
    >>> first = link({"id": "a"}, [])
    >>> link({"id": "b"}, [first])["previous"] == first["hash"]
    True
    """
    numbered = {"n": len(before) + 1, **entry, "previous": before[-1]["hash"] if before else _START}
    return {**numbered, "hash": content_hash(_DOMAIN, numbered)}


def check_ledger(text: str, measures: Sequence[Json]) -> None:
    """Check that a ledger is as it was written, and that exactly what stands in it was tested.

    A measure is named by the entry of its id, or, if it was chosen by a scan, by the scan's: that of its lens.

    Parameters
    ----------
    text : ``hypotheses.jsonl``
    measures : those of ``measures.json``, with what came of their test

    Raises
    ------
    RunError
        If an entry was changed, removed, added or moved, a measure is in no entry, in another form or there twice, or
        an entry is without its measure; says which.

    Examples
    --------
    >>> ledger = Ledger()
    >>> measure = Measure("surface.words", "surface", "writes more words", "writes fewer words", "words", "number")
    >>> ledger.append(measure, seen="…", tested_on="all prompts")
    >>> check_ledger(ledger.to_jsonl(), [{**measure.as_json(), "tested": {"tested_on": "all prompts"}}])
    >>> check_ledger(ledger.to_jsonl().replace("more", "many"), [])
    Traceback (most recent call last):
    ...
    diptych.errors.RunError: hypotheses.jsonl, entry 1 (surface.words): its text is not that of its hash
    """
    written = read_chain(text, "hypotheses.jsonl")
    _refuse_twins(written, "hypotheses.jsonl")
    _refuse_twins(measures, "measures.json")
    entries = {str(entry["id"]): entry for entry in written}
    tested: set[str] = set()
    for measure in measures:
        name = measure["id"] if measure["id"] in entries else measure["lens"]
        if name not in entries:
            raise RunError(f"measures.json: no entry of hypotheses.jsonl names the measure {measure['id']}")
        tested.add(name)
        _check_as_written(measure, entries[name])
    for name, entry in entries.items():
        if name not in tested and name != entry["lens"]:  # a scan may have chosen nothing
            raise RunError(f"hypotheses.jsonl, entry {entry['n']} ({name}): measures.json lacks its measure")


def _refuse_twins(rows: Sequence[Json], file: str) -> None:
    for name, count in Counter(str(row["id"]) for row in rows).items():
        if count > 1:
            raise RunError(f"{file}: {name} stands there {count} times")


def read_chain(text: str, file: str) -> list[Json]:
    """The entries of a chain that is as it was written.

    Parameters
    ----------
    text : one entry a line, each with an ``id``
    file : its name, for messages

    Raises
    ------
    RunError
        If an entry was changed, removed, added or moved; says which.

    Examples
    --------
    >>> import json
    >>> [entry["n"] for entry in read_chain(json.dumps(link({"id": "a"}, [])), "tested.jsonl")]
    [1]
    """
    entries: list[Json] = []
    previous = _START
    for number, line in enumerate((line for line in text.split("\n") if line), start=1):
        try:
            entry = parse_json(line)
            where = f"{file}, entry {number} ({entry['id']})"
            body = {key: value for key, value in entry.items() if key != "hash"}
            found, follows, said = content_hash(_DOMAIN, body), entry["previous"], entry["hash"]
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise RunError(f"{file}, entry {number}: not an entry of a ledger: {error}") from error
        if found != said:
            raise RunError(f"{where}: its text is not that of its hash")
        if follows != previous or entry["n"] != number:
            raise RunError(f"{where}: it does not follow the entry before it; one was changed, removed, added or moved")
        previous = said
        entries.append(entry)
    return entries


def _check_as_written(measure: Json, entry: Json) -> None:
    """A measure is what was written down, but for a scan's, of which only lens, unit and kind were known."""
    keys = measure.keys() & entry.keys() if measure["id"] == entry["id"] else {"lens", "unit", "kind"}
    differing = sorted(key for key in keys if measure[key] != entry[key])
    if measure["tested"]["tested_on"] != entry["tested_on"]:
        differing.append("tested_on")
    if differing:
        raise RunError(
            f"hypotheses.jsonl, entry {entry['n']} ({entry['id']}): the measure {measure['id']} of measures.json "
            f"differs in {', '.join(differing)}"
        )

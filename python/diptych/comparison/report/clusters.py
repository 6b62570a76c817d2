"""The cluster table on a page: of a comparison, of several, and by itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from diptych._types import Json
from diptych.comparison.cluster_table import KINDS, Kind, theme
from diptych.comparison.report import format as fmt
from diptych.comparison.report.rows import Row
from diptych.comparison.report.text import visible

_TITLES: dict[Kind, str] = {"responses": "Responses", "inputs": "Prompts", "interactions": "Together"}


@dataclass(frozen=True, slots=True)
class ThemeView:
    """What texts of a cluster have in common; ``judged`` is empty, and ``words`` too, where no model named it."""

    about: str
    text: str
    judged: str
    words: str


@dataclass(frozen=True, slots=True)
class ShareView:
    """What share of an arm's responses lies in a cluster; ``part`` of the widest bar, in per cent."""

    arm: str
    text: str
    interval: str
    n: str
    part: str


@dataclass(frozen=True, slots=True)
class ClusterView:
    """A cluster; ``row`` is its test, None where there was none."""

    number: int
    size: str
    themes: tuple[ThemeView, ...]
    contrasts: tuple[ThemeView, ...]
    shares: tuple[ShareView, ...]
    row: Row | None


def build_clusters(table: Json, tested: Mapping[int, Row] | None = None) -> tuple[ClusterView, ...]:
    """Clusters as pages show them; every text is fit to be shown.

    Parameters
    ----------
    table : ``clusters.json``
    tested : membership in a cluster as a tested measure, by its number
    """
    widest = max(share["high"] for one in table["clusters"] for share in one["shares"])
    return tuple(
        ClusterView(
            number=one["cluster"],
            size=fmt.count(one["size"]),
            themes=tuple(_theme(_TITLES[kind], one["themes"][kind]) for kind in sorted(KINDS, key=list(_TITLES).index)),
            contrasts=tuple(_theme(visible(said["arm"]), said) for said in one["contrasts"]),
            shares=tuple(_share(share, widest) for share in one["shares"]),
            row=(tested or {}).get(one["cluster"]),
        )
        for one in table["clusters"]
    )


def _theme(about: str, told: Json) -> ThemeView:
    label = told["label"]
    if label is None:
        return ThemeView(about, visible(theme(told)), "", "")
    words, name = visible(", ".join(told.get("keywords", ()))), visible(str(label["text"]))
    if words and not label["is_validated"]:
        return ThemeView(about, words, f"called “{name}”: {judged(label)}", "")
    return ThemeView(about, name, judged(label), words)


def _share(share: Json, widest: float) -> ShareView:
    low, high = (fmt.fixed(100 * share[end], 1) for end in ("low", "high"))
    return ShareView(
        arm=visible(share["arm"]),
        text=fmt.fixed(100 * share["share"], 1),
        interval=f"{low} to {high}",
        n=fmt.count(share["n"]),
        part=f"{100 * share['share'] / widest:.1f}" if widest else "0",
    )


def judged(label: Json) -> str:
    """What a blind judge made of a label.

    Parameters
    ----------
    label : as ``Label.as_json`` gives it
    """
    if label["auc"] is None:
        return "could not be checked"
    area = f"AUC {label['auc']:.2f} [{label['auc_low']:.2f}, {label['auc_high']:.2f}]"
    missing = f", {label['n_missing']} without a verdict" if label["n_missing"] else ""
    note = f"; {visible(str(label['note']))}" if label["note"] else ""
    return f"{'confirmed' if label['is_validated'] else 'not confirmed'}, {area}{missing}{note}"


def render_clusters(table: Json) -> str:
    """``clusters.html``: the cluster table alone.

    Parameters
    ----------
    table : ``clusters.json``
    """
    from diptych.comparison.report import own_style, page_environment

    style, style_hash = own_style()
    page = page_environment("diptych.comparison.report").get_template("clusters.html.j2")
    arms = [visible(arm) for arm in table["arms"]]
    return page.render(style=style, style_hash=style_hash, arms=arms, clusters=build_clusters(table))

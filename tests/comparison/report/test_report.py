"""The report: what it shows is what was found, and no text of a model can do anything on it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import subprocess
from dataclasses import replace
from html import unescape
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import diptych
from diptych import Result
from diptych.comparison.cluster_plots import plots_in
from diptych.comparison.folder import Documents, read_run, write_run
from diptych.comparison.hypotheses import Ledger
from diptych.comparison.measures import Measure
from diptych.comparison.report import SUMMARY_ROWS, render, render_summary
from diptych.comparison.report.format import SHARES
from diptych.comparison.report.text import pieces, visible
from diptych.errors import RunError
from diptych.utils.text import shorten
from tests.comparison.report.hostile import HOSTILE, Page, harmless

Rows = list[dict[str, Any]]

_NAMES: dict[str, Any] = {
    "name_a": "<img src=x onerror=document.title='OWNED'>",
    "name_b": "b\"'>{{ 7 * 7 }}</title>\u202e</script>",
}
_FIELDS = ("<svg onload=document.title='OWNED'>", "\"'></td>{% if %}")
_FILES = ("<img src=x onerror=alert(1)>.jsonl", "\"'><script>{{ 7 }}.jsonl")
_KEYWORDS = ["<b>", "\"'>", "{{ 7 }}", "\u202e"]


def hostile_rows(opening: str, shift: float) -> Rows:
    return [
        {
            "prompt": f"{number}: {text}",
            "response": f"{opening} {text}",
            **dict.fromkeys(_FIELDS, number % 7 + shift),
        }
        for number, text in enumerate(HOSTILE)
    ]


def plain_rows(opening: str, n: int = 60, *, first: int = 0) -> Rows:
    return [
        {"prompt": f"Question {i}?", "response": f"{opening} {'so ' * (i % 5)}it is {i}{' today' if i % 3 else ''}."}
        for i in range(first, first + n)
    ]


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Documents:
    """A real comparison of hostile files; every hostile text is an example, every keyword hostile."""
    folder = tmp_path_factory.mktemp("hostile")
    for name, rows in zip(
        _FILES, (hostile_rows("No.", 0.0), hostile_rows("Well, I do hope this helps:", 2.0)), strict=True
    ):
        (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    documents = diptych.compare(
        *(str(folder / name) for name in _FILES),
        threads=1,
        lenses=("surface", "phrases", "clusters", "scores"),
        score_fields=_FIELDS,
        **_NAMES,
    ).documents()
    findings = json.loads(json.dumps(documents.findings))
    findings["findings"][0]["examples"] = [
        {
            "prompt_id": text, "prompt": text, "a": text, "b": f"mark {text}", "value_a": 1.5, "value_b": None,
            "marks_a": [[0, len(text)]], "marks_b": [[0, 4], [5, 6]],
        }
        for text in HOSTILE
    ]  # fmt: skip
    measures, ledger = json.loads(json.dumps(documents.measures)), Ledger()
    for measure in measures["measures"]:
        if measure["lens"] == "clusters":
            measure["definition"]["keywords"] = _KEYWORDS
        named = Measure(**{name: measure[name] for name in Measure.__slots__})
        ledger.append(named, seen="0" * 64, tested_on=measure["tested"]["tested_on"])
    table = json.loads(json.dumps(documents.cluster_table))
    for told in (told for one in table["clusters"] for told in one["themes"].values()):
        told["keywords"] = _KEYWORDS
    label = {"text": HOSTILE[0], "note": HOSTILE[1], "is_validated": False, "n_missing": 1, "auc": 0.5, "auc_low": 0.1}
    said = {"keywords": _KEYWORDS, "label": {**label, "auc_high": 0.9}}
    table["clusters"][0]["themes"]["inputs"] = said
    table["clusters"][0]["contrasts"] = [{"label": said["label"], "arm": _NAMES["name_a"], "other": _NAMES["name_b"]}]
    return replace(documents, findings=findings, measures=measures, hypotheses=ledger.to_jsonl(), cluster_table=table)


@pytest.fixture(scope="module")
def plain() -> Result:
    return diptych.compare(
        plain_rows("No."), plain_rows("Yes! I do think, after all, that\n\n- maybe\n- perhaps\n\n"), threads=1
    )


def harmless_twin(documents: Documents) -> Documents:
    """Equal structure: the arms' names in the responses must stay the arms' names."""
    return replace(
        documents,
        manifest=harmless(documents.manifest),
        findings=harmless(documents.findings),
        measures=harmless(documents.measures),
        responses=harmless(documents.responses),
        cluster_table=harmless(documents.cluster_table),
    )


def test_the_corpus_is_worth_its_name(hostile: Documents) -> None:
    assert len(set(HOSTILE)) >= 60
    assert len(hostile.findings["findings"]) >= 5
    assert {finding["lens"] for finding in hostile.findings["findings"]} >= {"surface", "phrases", "scores"}
    assert any(measure["lens"] == "clusters" for measure in hostile.measures["measures"])


def test_no_element_and_no_attribute_comes_from_text(hostile: Documents) -> None:
    for make in (render, render_summary):
        page, twin = Page(make(hostile)), Page(make(harmless_twin(hostile)))
        assert page.elements == twin.elements
        assert page.elements.total() > 100


def test_an_element_from_text_would_be_noticed(hostile: Documents) -> None:
    html = render(hostile)
    for text in ("<b>x</b>", "<img src=x onerror=y>", "<!-- x -->", "<?x?>"):
        assert Page(html.replace("<h2", text + "<h2", 1)).elements != Page(html).elements
    assert Page(html.replace("<h2", "<h2 onclick=x", 1)).elements != Page(html).elements


def test_every_hostile_text_is_there_to_read(hostile: Documents) -> None:
    text = Page(render(hostile)).text
    for number, hostile_text in enumerate(HOSTILE):
        assert visible(hostile_text) in text
        assert visible(shorten(f"{number}: {hostile_text}", 80)) in text, "as a title on the map"
    for name in (*_NAMES.values(), *_FIELDS, *_FILES, ", ".join(_KEYWORDS)):
        assert visible(name) in text


def test_no_character_that_hides_or_turns_text_reaches_the_page(hostile: Documents) -> None:
    for make in (render, render_summary):
        assert not re.search(
            "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]", make(hostile)
        )


def test_the_page_asks_for_nothing_and_styles_nothing_outside_its_sheet(hostile: Documents) -> None:
    attributes = Page(render(hostile)).attributes
    links = [
        value for _, name, value in attributes if name in ("src", "href", "srcset", "action", "data", "xlink:href")
    ]
    assert links
    assert all(re.fullmatch(r"#[a-z0-9-]+", link) for link in links)
    assert not [value for _, name, value in attributes if name == "style" or name.startswith("on")]


def test_the_policy_allows_exactly_the_blocks_that_are_there(hostile: Documents) -> None:
    html = render(hostile)
    page = Page(html)
    policy = next(
        value for tag, name, value in page.attributes if name == "content" and value.startswith("default-src")
    )
    directives = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert directives["default-src"] == directives["base-uri"] == directives["form-action"] == "'none'"
    assert html.index("Content-Security-Policy") < html.index("<style")
    for tag in ("style", "script"):
        (block,) = re.findall(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(block.encode()).digest()).decode()
        assert directives[f"{tag}-src"] == f"'sha256-{digest}'"


def test_the_marks_lie_where_the_spans_say(plain: Result) -> None:
    documents = plain.documents()
    html = render(documents)
    checked = 0
    for number, finding in enumerate(documents.findings["findings"], start=1):
        row = html[html.index(f'<li id="f{number}"') :].split("</details>")[0]
        responses = re.findall(r'<div class="response[^>]*>(.*?)</div>', row, re.DOTALL)
        sides = [(example[arm], example[f"marks_{arm}"]) for example in finding["examples"] for arm in ("a", "b")]
        assert len(responses) == len(sides)
        for shown, (text, spans) in zip(responses, sides, strict=True):
            assert unescape(re.sub(r"</?mark>", "", shown)) == visible(text)
            marked = [unescape(mark) for mark in re.findall(r"<mark>(.*?)</mark>", shown, re.DOTALL)]
            assert marked == [visible(text[start:end]) for start, end in spans]
            checked += len(marked)
    assert checked > 10


@pytest.mark.parametrize("spans", [[(3, 2)], [(0, 99)], [(-4, 2)], [(0, 4), (2, 6)], [(2, 2)], [(4, 6), (0, 2)]])
def test_spans_that_do_not_fit_never_lose_or_repeat_text(spans: list[tuple[int, int]]) -> None:
    assert "".join(piece.text for piece in pieces("abcdefgh", spans)) == "abcdefgh"


def test_numbers_on_the_page_are_those_of_the_findings(plain: Result) -> None:
    documents = plain.documents()
    html = render(documents)
    shown = documents.findings["findings"][:10]
    assert len(shown) == 10
    for number, finding in enumerate(shown, start=1):
        row = html[html.index(f'<li id="f{number}"') :].split("</details>")[0]
        printed = dict(re.findall(r'<data value="([^"]*)">([^<]*)</data>', row))
        names = ("mean_a", "mean_b", "effect", "ci_low", "ci_high", "p_value", "q_value", "p_fwer", "effect_size")
        for name in names:
            if finding[name] is None:
                continue
            text = unescape(printed[str(finding[name])])
            if "<" in text:
                assert finding[name] < 0.0001
                continue
            is_share = finding["unit"] in SHARES and name in names[:5]
            digits = text.replace("\u2212", "-").replace(",", "").removesuffix("\u00a0%")
            half_digit = 0.5 * 10.0 ** -len(digits.partition(".")[2])
            assert float(digits) == pytest.approx(finding[name] * (100 if is_share else 1), abs=1.001 * half_digit)
        if finding["n_up"] is not None:
            assert f"{max(finding['n_up'], finding['n_down'])} of {finding['n_prompts']} prompts go this way" in row


def test_all_that_was_tested_is_on_the_page_once(plain: Result) -> None:
    html = render(plain.documents())
    assert html.count('<li id="f') == len(plain.findings) > 0
    assert plain.not_found
    body = html[html.index('<section id="not-found"') :].split("</table>")[0]
    assert body.count('<tr><th scope="row">') == len(plain.not_found)


def test_without_a_finding_the_page_says_what_would_have_been_seen() -> None:
    rows = plain_rows("No.")
    documents = diptych.compare(rows, rows[::-1], threads=1).documents()
    assert documents.findings["findings"] == []
    text = Page(render(documents)).text
    assert "No difference was found between a and b." in text
    assert "This is not a proof that the two are the same." in text
    assert "none of" in render_summary(documents)
    scored = [{**row, "score": i % 2} for i, row in enumerate(rows)]
    alone = diptych.compare(scored, scored, lenses=("scores",), score_fields=("score",), threads=1).documents()
    text = Page(render(alone)).text
    assert "The one measure tested does not differ, at a false discovery rate" in text
    assert "1 measure did not pass" in text and "the whole family of 1 measure," in text


def test_an_unpaired_comparison_shows_one_side_of_each_example() -> None:
    documents = diptych.compare(plain_rows("No."), plain_rows("Yes, I do think that", first=100), threads=1).documents()
    html = render(documents)
    assert documents.findings["findings"]
    assert 'class="sides n1"' in html
    assert 'class="sides n2"' not in html
    assert "no common prompts: the comparison is unpaired" in html
    assert "unpaired" in render_summary(documents)


def test_several_draws_are_said_to_be_averaged() -> None:
    a, b = (
        [{**row, "draw": draw} for row in rows for draw in range(2)]
        for rows in (plain_rows("No."), plain_rows("Yes, I do"))
    )
    assert "averaging 2 draws of each" in render(diptych.compare(a, b, threads=1).documents())


def test_a_folder_gives_the_page_that_its_result_gave(plain: Result, tmp_path: Path) -> None:
    folder = plain.save(tmp_path / "run")
    assert render(read_run(folder)) == render(plain.documents())
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert render(read_run(folder), plots_in(folder)) == page
    for file in (folder / "plots").glob("*.html"):
        assert f'href="plots/{file.name}"' in page


def test_a_folder_of_hostile_text_gives_its_page(hostile: Documents, tmp_path: Path) -> None:
    folder = write_run(hostile, tmp_path / "run")
    assert render(read_run(folder)) == render(hostile)
    assert (folder / "report.html").read_text(encoding="utf-8") == render(hostile, plots_in(folder))


def test_documents_that_do_not_fit_each_other_are_refused(plain: Result) -> None:
    documents = plain.documents()
    with pytest.raises(RunError, match="120 responses, 119 places"):
        render(replace(documents, coordinates=documents.coordinates[1:]))


def test_the_map_thins_and_says_so(plain: Result, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("diptych.comparison.report.drawing.MAX_POINTS", 50)
    html = render(plain.documents())
    assert "50 of 120 drawn by lot" in html
    picture = html[html.index('<g class="points-b">') : html.index('<g class="labels"')]
    assert picture.count("<title>") == 50


def test_the_summary_is_a_fragment_without_style_or_script(plain: Result) -> None:
    page = Page(render_summary(plain.documents()))
    assert not {tag for tag, *_ in page.elements} & {"style", "script", "html", "head", "link"}
    assert page.elements[("th", "scope")] == 5 + min(len(plain.findings), SUMMARY_ROWS)


def test_headings_are_in_order_and_tables_name_their_headers(plain: Result) -> None:
    html = render(plain.documents())
    levels = [int(level) for level in re.findall(r"<h([1-6])", html)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert not [attrs for tag, *attrs in Page(html).elements if tag == "th" and "scope" not in attrs]
    ids = re.findall(r' id="([^"]+)"', html)
    assert len(set(ids)) == len(ids)
    assert {link[1:] for link in re.findall(r'href="(#[^"]+)"', html)} <= set(ids)


def test_colours_keep_their_contrast_in_light_and_dark() -> None:
    css = (files("diptych.comparison.report") / "templates" / "style.css").read_text(encoding="utf-8")
    schemes = [
        dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", block))
        for block in re.findall(r":root \{(.*?)\}", css, re.DOTALL)
    ]
    assert len([scheme for scheme in schemes if "mark" in scheme]) == 2
    for scheme in (scheme for scheme in schemes if "mark" in scheme):
        for text, ground in [(t, g) for t in ("ink", "soft", "a", "b") for g in ("page", "faint")] + [("ink", "mark")]:
            assert _contrast(scheme[text], scheme[ground]) >= 4.5, (text, ground)


def _contrast(first: str, second: str) -> float:
    """WCAG 2.2, relative luminance."""

    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(first), luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium is not installed")
@pytest.mark.timeout(120)
def test_in_a_browser_hostile_text_runs_nothing(hostile: Documents, tmp_path: Path) -> None:
    html = render(hostile)
    page = tmp_path / "report.html"
    page.write_text(html, encoding="utf-8")
    dom, console = _browse(page)
    (title,) = re.findall(r"<title>(.*?)</title>", dom[: dom.index("<style")], re.DOTALL)
    assert unescape(title) == "".join(Page(html).blocks["title"])
    assert "OWNED" not in title.replace("onerror=document.title='OWNED'", "")
    assert 'id="tools">' in dom, "the page's own script runs"
    assert console == []
    assert Page(dom).elements.total() >= Page(html).elements.total()


@pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium is not installed")
@pytest.mark.timeout(120)
def test_in_a_browser_a_script_in_the_page_would_be_stopped_and_noticed(plain: Result, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    planted = "<script>document.title='OWNED'</script><img src=x onerror=document.title='OWNED'>"
    page.write_text(render(plain.documents()).replace("<main>", f"<main>{planted}"), encoding="utf-8")
    dom, console = _browse(page)
    assert "<title>OWNED" not in dom
    assert any("Content Security Policy" in line for line in console)


def _browse(page: Path) -> tuple[str, list[str]]:
    """The page after it ran, and what the browser's console said."""
    command = ["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--v=0"]
    profile = f"--user-data-dir={page.parent / 'profile'}"
    done = subprocess.run(
        [*command, profile, "--virtual-time-budget=2000", "--dump-dom", page.as_uri()],
        capture_output=True,
        check=True,
        timeout=100,
        encoding="utf-8",
    )
    return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]

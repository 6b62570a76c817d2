"""Names: near misses are named, slugs are safe file names."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych.errors import ConfigError, UnknownNameError
from diptych.utils.names import check_name, did_you_mean, slug


def test_a_known_name_is_returned() -> None:
    assert check_name("lens", "clusters", ["surface", "clusters"]) == "clusters"


def test_an_unknown_name_is_an_error_that_names_the_near_ones_and_all() -> None:
    with pytest.raises(
        UnknownNameError, match="unknown lens 'cluster'.*Did you mean 'clusters'.*Known: surface, clusters"
    ) as caught:
        check_name("lens", "cluster", ["surface", "clusters"])
    assert caught.value.near == ("clusters",)
    assert isinstance(caught.value, ConfigError)
    assert isinstance(caught.value, LookupError)


@pytest.mark.parametrize(
    ("name", "meant"),
    [("reponse", "response"), ("RESPONSE", "response"), ("prompts", "prompt"), ("answer", ""), ("", ""), ("p", "")],
)
def test_a_misspelling_is_asked_about(name: str, meant: str) -> None:
    assert did_you_mean(name, ["prompt", "response"]) == (f" Did you mean {meant!r}?" if meant else "")


def test_a_name_like_no_other_gets_no_suggestion() -> None:
    with pytest.raises(UnknownNameError) as caught:
        check_name("lens", "zzz", ["surface"])
    assert caught.value.near == ()
    assert "Did you mean" not in str(caught.value)


@given(st.text(), st.integers(1, 80))
def test_a_slug_is_a_safe_file_name(text: str, length: int) -> None:
    name = slug(text, max_length=length)
    assert re.fullmatch(r"[a-z0-9]+(?:_[a-z0-9]+)*", name)
    assert len(name) <= length
    assert slug(name, max_length=length) == name


@pytest.mark.parametrize(
    ("text", "name"), [("I don't know!", "i_don_t_know"), ("../../etc", "etc"), ("…", "x"), ("", "x")]
)
def test_slugs_of_awkward_names(text: str, name: str) -> None:
    assert slug(text) == name

"""Optional libraries are asked for by name; the event log holds JSON and nothing is configured globally."""

from __future__ import annotations

import json
import logging
import subprocess
import sys

import pytest
import structlog

from diptych.errors import MissingExtraError
from diptych.utils.extras import require_extra
from diptych.utils.logging import EventLog
from tests.helpers.cli import environment


def test_a_missing_library_is_named_with_the_line_that_installs_it() -> None:
    with pytest.raises(
        MissingExtraError, match=r"no_such_library is not installed. Run: pip install 'diptych\[frames\]'"
    ) as caught:
        require_extra("no_such_library", extra="frames")
    assert isinstance(caught.value, ImportError)
    assert (caught.value.module, caught.value.extra) == ("no_such_library", "frames")


def test_a_library_that_is_there_is_not_imported_by_asking() -> None:
    code = (
        "import sys; from diptych.utils.extras import require_extra;"
        "require_extra('wave', extra='x'); print('wave' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_events_are_json_lines_with_level_and_time() -> None:
    log = EventLog()
    log.logger.info("stage", name="embed\n", seconds=1.5)
    log.logger.warning("odd", what="\u2028")
    lines = [json.loads(line) for line in log.text().split("\n") if line]
    assert [(line["event"], line["level"]) for line in lines] == [("stage", "info"), ("odd", "warning")]
    assert lines[0]["name"] == "embed\n"
    assert lines[0]["timestamp"].endswith("Z")


def test_two_logs_share_nothing_and_configure_nothing() -> None:
    handlers, configured = list(logging.getLogger().handlers), structlog.is_configured()
    first, second = EventLog(), EventLog()
    first.logger.info("only here")
    assert second.text() == ""
    assert logging.getLogger().handlers == handlers
    assert structlog.is_configured() == configured


def test_importing_the_package_changes_no_global_state() -> None:
    code = (
        "import logging, sys, os, numpy; numpy.random.seed(1); e = dict(os.environ);"
        "import diptych, diptych.comparison.run, diptych.cli.app;"
        "r = numpy.random.random() == numpy.random.RandomState(1).random_sample();"
        "print(r, logging.getLogger().handlers, e == dict(os.environ), 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=True)
    assert done.stdout == "True [] True False\n"

"""The table of responses and the files it comes from."""

from diptych.data.loaders import DataLoader
from diptych.data.records import Records
from diptych.data.responses import Response, Responses

__all__ = ["DataLoader", "Records", "Response", "Responses"]

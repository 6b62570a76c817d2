"""Settings: frozen, checked, with the place of every mistake."""

from diptych.config.base import BaseConfig, Settings

__all__ = ["BaseConfig", "Settings"]

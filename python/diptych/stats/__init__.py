"""Statistics: arrays in, dataclasses out. Each function names its formula and the source of it."""

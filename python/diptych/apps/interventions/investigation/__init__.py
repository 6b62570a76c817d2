"""An assistant that looks for how two models differ, blind, and whose hypotheses are tested as they come."""

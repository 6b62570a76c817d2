"""Which tokens a prompt of words may be made of."""

from __future__ import annotations

from typing import Any

import numpy as np

from diptych._types import Tokens


def usual_tokens(tokenizer: Any) -> Tokens:
    """Tokens that stand for text, in order: marks of the template and whatever was added are left out.

    Parameters
    ----------
    tokenizer : of transformers
    """
    special = set(tokenizer.all_special_ids) | set(tokenizer.get_added_vocab().values())
    return np.array(sorted(set(tokenizer.get_vocab().values()) - special), np.int64)


def allowed_tokens(tokenizer: Any, *, allow_nonascii: bool = False) -> Tokens:
    """Tokens that, alone, are text that can be seen; in order.

    Parameters
    ----------
    tokenizer : of transformers
    allow_nonascii : whether letters beyond ASCII may stand in one
    """
    usual = usual_tokens(tokenizer)
    texts = tokenizer.batch_decode([[token] for token in usual.tolist()], clean_up_tokenization_spaces=False)
    fits = [text.isprintable() and text != "" and "\ufffd" not in text for text in texts]
    ascii_only = [allow_nonascii or text.isascii() for text in texts]
    found: Tokens = usual[np.array(fits, bool) & np.array(ascii_only, bool)]
    return found

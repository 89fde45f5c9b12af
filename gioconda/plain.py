"""Text that came from a stranger's file, made fit for a terminal and a page: no control characters, no flood."""

from __future__ import annotations

import unicodedata

LONGEST = 200
"""Characters of a stranger's text that are shown."""

HIDDEN = {"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"}
"""Unicode categories of what controls a terminal, turns the direction of writing, or cannot be seen."""


def plain(text: object, longest: int = LONGEST) -> str:
    """The text on one line with every control and invisible character written out, cut to `longest` characters.

    HTML is not touched: that is escaped where a page is made.
    """
    told = str(text)
    shown = "".join(
        f"\\x{ord(c):02x}" if unicodedata.category(c) in HIDDEN and ord(c) < 256
        else f"\\u{ord(c):04x}" if unicodedata.category(c) in HIDDEN
        else c
        for c in told[:longest]
    )  # fmt: skip
    return shown[:longest] + "…" * (len(told) > longest or len(shown) > longest)

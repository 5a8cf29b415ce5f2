"""What stands for a picture where nobody sees it: plain text."""

from __future__ import annotations

import re

ICON = re.compile(r":material/\w+:\s*")
COLOUR = re.compile(r":[a-z]+\[([^\]]*)\]")
LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")
MARK = re.compile(r"(?<!\\)[*`]+|(?<!\\)#+\s|(?<![\w\\])_+|(?<!\\)_+(?!\w)")


def alt(markdown: str) -> str:
    """Words without the marks of Markdown, on one line.

    Example:
        >>> alt("**readable** · 31.1 dB, *near* an :violet[ideal] attacker :material/info: of gaussian_noise, `sigma`")
        'readable · 31.1 dB, near an ideal attacker of gaussian_noise, sigma'
    """
    text = COLOUR.sub(r"\1", LINK.sub(r"\1", ICON.sub("", markdown)))
    return " ".join(MARK.sub("", text).replace("\\", "").split())

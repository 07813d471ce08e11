"""A grey page to what may be numbers, cut out. Knows neither files nor networks.

even the light ─► straighten ─► take printed lines out ─► pieces of ink ─► cells ─► groups ─► crops

`layout` tells first whether a picture is a page at all; `lines` goes all the way.
"""

from inkdigits.page.layout import is_page
from inkdigits.page.lines import MOST_LINES, Page, PageLine, find_lines
from inkdigits.page.turning import turn

__all__ = ["MOST_LINES", "Page", "PageLine", "find_lines", "is_page", "turn"]

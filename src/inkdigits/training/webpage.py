"""Web pages of one file: style and pictures inside, nothing fetched. Knows HTML, nothing of digits.

Every text that comes in is escaped here; only `Html` values, which these functions return, pass as they are.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any, NewType

import inkdigits

Html = NewType("Html", str)

# the browser itself refuses whatever isn't in the file
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def page(title: str, subtitle: str, summary: Html, sections: Sequence[tuple[str, Html]]) -> bytes:
    """A whole page, UTF-8.

    Args:
        title: the heading.
        subtitle: the quiet line below it.
        summary: what stands before the first section.
        sections: heading and content of each; the navigation is made of the headings.
    """
    style = (files("inkdigits.training") / "webpage.css").read_text(encoding="utf-8")
    links = "".join(f'<a href="#{_anchor(name)}">{escape(name)}</a>' for name, _ in sections)
    body = "\n".join(
        f'<section id="{_anchor(name)}">\n<h2>{escape(name)}</h2>\n{content}\n</section>'
        for name, content in sections
    )
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{escape(POLICY)}">
<title>{escape(title)}</title>
<style>
{style}</style>
</head>
<body>
<header>
<h1>{escape(title)}</h1>
<p class="quiet">{escape(subtitle)}</p>
<nav aria-label="Sections">{links}</nav>
</header>
<main>
{summary}
{body}
</main>
<footer><p>Made by inkdigits {escape(inkdigits.__version__)}. One file, no network needed.</p></footer>
</body>
</html>
""".encode()


def paragraph(text: str) -> Html:
    """A paragraph of plain text."""
    return Html(f"<p>{escape(text)}</p>")


def key_figures(figures: Iterable[tuple[str, str, str]]) -> Html:
    """Cards with a name, a value and a note each."""
    cards = "\n".join(
        f'<div><dt>{escape(name)}</dt><dd class="value">{escape(value)}</dd>'
        f'<dd class="note">{escape(note)}</dd></div>'
        for name, value, note in figures
    )
    return Html(f'<dl class="key">\n{cards}\n</dl>')


def picture(path: Path, alt: str, caption: str, *, wide: bool = False) -> Html:
    """A PNG, inside the page, with its caption.

    Args:
        path: of the PNG.
        alt: what it shows, for those who don't see it.
        caption: what is shown and how to read it.
        wide: takes the whole width; on phones it scrolls sideways instead of shrinking to nothing.
    """
    source = f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}"
    kind = ' class="wide"' if wide else ""
    return Html(
        f'<figure{kind}><div class="frame"><img alt="{escape(alt)}" src="{source}"></div>\n'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def pictures(*figures: Html) -> Html:
    """Figures two abreast, one on phones."""
    return Html('<div class="pictures">\n' + "\n".join(figures) + "\n</div>")


def stack(*parts: Html) -> Html:
    """Several things in the place of one figure, one above the other."""
    return Html("<div>\n" + "\n".join(parts) + "\n</div>")


def table(
    head: Sequence[str],
    rows: Iterable[Sequence[str]],
    caption: str,
    *,
    totals: Iterable[Sequence[str]] = (),
    prose: bool = False,
) -> Html:
    """A table whose first column names the rows.

    Args:
        head: names of the columns.
        rows: of text.
        caption: what it shows.
        totals: rows that stand out, at the end.
        prose: its cells are words that wrap, instead of figures.
    """
    heads = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    body = "\n".join([*(_row(row) for row in rows), *(_row(row, ' class="total"') for row in totals)])
    kind = ' class="prose"' if prose else ""
    return Html(
        f'<div class="scroll"><table{kind}>\n<caption>{escape(caption)}</caption>\n'
        f"<thead><tr>{heads}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table></div>"
    )


def details(name: str, facts: Mapping[str, Any]) -> Html:
    """Facts that open on demand; nested ones are named by their path, `augment.rotation`."""
    rows = "\n".join(_row((key, plain(value))) for key, value in flat(facts))
    return Html(
        f"<details><summary>{escape(name)}</summary><table><tbody>\n{rows}\n</tbody></table></details>"
    )


def join(*parts: Html) -> Html:
    """One after the other."""
    return Html("\n".join(parts))


def _row(cells: Sequence[str], attributes: str = "") -> str:
    first, *others = cells
    rest = "".join(f"<td>{escape(cell)}</td>" for cell in others)
    return f'<tr{attributes}><th scope="row">{escape(first)}</th>{rest}</tr>'


def _anchor(name: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in name.lower())


def flat(facts: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    """Nested facts with their paths, `augment.rotation`."""
    for key, value in facts.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def plain(value: Any) -> str:
    """A fact as text."""
    if value is None:
        return "–"
    if isinstance(value, list | tuple):
        return ", ".join(plain(part) for part in value)
    return f"{value:g}" if isinstance(value, float) else str(value)

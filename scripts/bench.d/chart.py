"""The table as a picture: a bar for each target, as long as its part of what is wanted."""
from xml.sax.saxutils import escape

LINE, LEFT, WIDTH, TOP, END = 22, 470, 420, 96, 2.0
STYLE = """text { font: 13px 'DejaVu Sans', Verdana, sans-serif; fill: #1b1b1b }
.title { font-size: 17px; font-weight: bold }
.small { font-size: 11px; fill: #555 }
.right { text-anchor: end }
.middle { text-anchor: middle }
.met { fill: #0072b2 }
.missed { fill: url(#stripes) }
.mark { fill: none; stroke-width: 2 }"""
STRIPES = """<defs><pattern id="stripes" width="7" height="7" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
<rect width="7" height="7" fill="#d55e00"/><rect width="2" height="7" fill="#f7c9a6"/></pattern></defs>"""


def number(value):
    return f"{value:.3g}" if value < 1000 else f"{value:,.0f}"


def of_one(part):
    """With as many digits as tell it from 1."""
    return next((text for digits in (2, 3, 4) if float(text := f"{part:.{digits}f}") != 1), "1.00")


def detail(row):
    """What was measured and what is wanted, of the one of the two that is nearer its limit."""
    pairs = [("", row.value, row.limit), ("memory ", row.memory, row.memory_limit)]
    what, value, limit = max((p for p in pairs if p[1] is not None and p[2]), key=lambda p: p[1] / p[2])
    return f"{what}{number(value)} of {number(limit)}"


def mark(is_met, x, y):
    """A tick or a cross, drawn, as not every font has them."""
    path = f"M{x} {y}l4 4l7 -9" if is_met else f"M{x} {y - 5}l9 9m0 -9l-9 9"
    return f'<path class="mark" stroke="{"#0072b2" if is_met else "#b34700"}" d="{path}"/>'


def bar(row, y):
    part = row.of_wanted()
    name = "met" if row.met() else "missed"
    length = max(min(part, END) / END * WIDTH, 1)
    middle = y + LINE / 2
    # Past the end of the scale: an arrow, and the number says how far.
    arrow = f'<path class="{name}" d="M{LEFT + WIDTH} {y + 3}l9 {LINE / 2 - 3}l-9 {LINE / 2 - 3}z"/>' if part > END else ""
    return (f'<g><title>{escape(f"{row.name} ({row.input}): {detail(row)}, {name}")}</title>'
            f'<text class="right" x="{LEFT - 12}" y="{middle + 4}">{escape(row.name)} '
            f'<tspan class="small">{escape(row.input)}</tspan></text>'
            f'<rect class="{name}" x="{LEFT}" y="{y + 3}" width="{length:.1f}" height="{LINE - 6}"/>{arrow}'
            f'{mark(row.met(), LEFT + WIDTH + 18, middle)}'
            f'<text x="{LEFT + WIDTH + 38}" y="{middle + 4}">{of_one(part)} {name}</text>'
            f'<text class="small" x="{LEFT + WIDTH + 152}" y="{middle + 4}">{escape(detail(row))}</text></g>')


def svg(rows):
    rows = [row for row in rows if row.of_wanted() is not None]
    bottom = TOP + LINE * len(rows)
    width, height = LEFT + WIDTH + 310, bottom + 40
    met = sum(row.met() for row in rows)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
             f'role="img" aria-label="{met} of {len(rows)} targets are met">',
             f"<style>{STYLE}</style>{STRIPES}",
             f'<rect width="{width}" height="{height}" fill="#fff"/>',
             f'<text class="title" x="20" y="32">{met} of {len(rows)} targets are met</text>',
             '<text class="small" x="20" y="52">Each bar: what was measured as a part of the most that is wanted. '
             'Up to the line at 1 the target is met; shorter is better.</text>']
    for step in range(5):
        at, value = LEFT + WIDTH * step / 4, END * step / 4
        is_line = value == 1
        parts.append(f'<line x1="{at}" x2="{at}" y1="{TOP - 6}" y2="{bottom + 4}" stroke="#ddd"/>' if not is_line else "")
        parts.append(f'<text class="small middle" x="{at}" y="{TOP - 12}">{value:g}{" = wanted" * is_line}</text>')
    parts += [bar(row, TOP + LINE * i) for i, row in enumerate(rows)]
    line = LEFT + WIDTH / END
    parts.append(f'<line x1="{line}" x2="{line}" y1="{TOP - 6}" y2="{bottom + 4}" stroke="#1b1b1b" stroke-width="1.5"/>')
    return "\n".join(filter(None, parts)) + "\n</svg>\n"

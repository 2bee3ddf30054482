"""A shorter SVG that draws the same: what goes, what stays, and that texts are left alone."""

import re

from meshperf.report.charts.compact import FONT, compact


def test_what_has_no_effect_goes():
    group = '<g class="mark-rule" role="graphics-object" aria-roledescription="x" pointer-events="none">{}</g>'
    line = '<line transform="translate(0,0)" x2="350" stroke="#dfe4e8" stroke-width="1" opacity="1"/>'
    assert compact(group.format(line)) == '<g><line x2="350" stroke="#dfe4e8"/></g>'


def test_grounds_that_show_nothing_go_with_the_groups_around_them():
    assert compact('<g><g transform="translate(1,2)"><path class="background" d="M0,0h0v0h0Z"/></g></g>') == ""
    assert compact('<path class="foreground" d="M0,0" stroke="#fff" display="none"/>') == ""
    assert (
        compact('<path class="background" d="M0,0h9v9h-9Z" fill="#e4e9ed"/>')
        == '<path d="M0,0h9v9h-9Z" fill="#e4e9ed"/>'
    )


def test_figures_lose_what_no_eye_sees():
    path = '<path d="M0.123456,1e-7L267.0999,-0.004" transform="translate(269.5136375786015,1859) rotate(-90)" '
    found = compact(path + 'fill="#000"/>')
    assert 'd="M0.12,1e-7L267.1,-0"' in found and 'transform="translate(269.51,1859) rotate(-90)"' in found


def test_what_differs_from_the_default_stays():
    mark = '<path fill="#fff" d="M0,0h1" opacity="0.43" stroke-width="2.5" fill-opacity="0.28"/>'
    assert compact(mark) == mark
    label = f'<text text-anchor="middle" font-family="{FONT}" font-size="11px" font-weight="bold">a</text>'
    assert compact(label) == '<text text-anchor="middle" font-size="11px" font-weight="bold">a</text>'


def test_labels_that_are_not_shown_go():
    hidden = '<text transform="translate(1,2)" fill="#5a6772" opacity="0">0.0002</text>'
    shown = '<text fill="#5a6772">opacity="0"</text>'
    assert compact(hidden + shown) == shown


def test_texts_are_never_touched():
    text = 'opacity="1" role="x" 0.123456789 class="y"/&gt; &lt;path d="M0"/'
    assert re.findall(r">([^<]*)<", compact(f"<text>{text}</text>")) == [text]

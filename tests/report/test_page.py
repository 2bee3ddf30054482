"""The page in a real browser: no request, no console message, named, legible, within the window."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Iterator
from pathlib import Path

import judged_pages
import pytest
import sample

import run_sample
from meshperf.report import write, write_runs
from meshperf.report.files import place

pytestmark = [pytest.mark.needs_chromium, pytest.mark.timeout(120)]

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

FAULTS = r"""
() => {
  const faults = [];
  const seen = element => element.checkVisibility({checkOpacity: true, checkVisibilityCSS: true});
  for (const image of document.querySelectorAll('svg, img')) {
    const ids = (image.getAttribute('aria-labelledby') || '').split(' ');
    const name = ids.map(id => document.getElementById(id)?.textContent || '').join(' ').trim() || image.alt;
    if (!name) faults.push('a picture has no name');
  }
  for (const table of document.querySelectorAll('table')) {
    if (!table.caption?.textContent.trim()) faults.push('a table has no caption');
    if (!table.querySelector('thead th[scope=col]')) faults.push('a table has no column heads');
    for (const row of table.tBodies[0].rows)
      if (!row.querySelector('th[scope=row]')) faults.push('a row has no head');
  }
  for (const scroller of document.querySelectorAll('.scroll, figure, pre'))
    if (seen(scroller) && scroller.scrollWidth > scroller.clientWidth && scroller.tabIndex < 0)
      faults.push('what scrolls cannot be reached by keyboard');
  const light = text => {
    const [r, g, b] = text.match(/[\d.]+/g).slice(0, 3).map(v => {
      v /= 255;
      return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = element => {
    for (let e = element; e; e = e.parentElement) {
      const colour = getComputedStyle(e).backgroundColor;
      if (!/, 0\)$|transparent/.test(colour)) return colour;
    }
    return 'rgb(255, 255, 255)';
  };
  for (const element of document.querySelectorAll('body *')) {
    const text = [...element.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
    if (!text || !seen(element) || element.closest('script, title, desc')) continue;
    const style = getComputedStyle(element);
    const ink = element.closest('svg') ? style.fill : style.color;
    const [a, b] = [light(ink), light(ground(element))].sort((x, y) => y - x);
    const contrast = (a + 0.05) / (b + 0.05);
    if (contrast < 4.5) faults.push(`contrast ${contrast.toFixed(2)}: ${element.textContent.trim().slice(0, 40)}`);
  }
  if (document.documentElement.scrollWidth > innerWidth) faults.push('the page scrolls sideways');
  return [...new Set(faults)];
}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    base = tmp_path_factory.mktemp("report")
    for name, which, facts in (("clean", sample.clean, sample.FACTS), ("ugly", sample.ugly, sample.UGLY_FACTS)):
        comparison, runs = which()
        write(
            [comparison],
            runs,
            out=base / name,
            experiment_text=sample.HOSTILE if name == "ugly" else sample.EXPERIMENT,
            command=sample.COMMAND,
            facts=facts,
            charts=True,
        )
    comparison, runs = judged_pages.mixed()
    write(
        [comparison], runs, out=base / "full", experiment_text=sample.EXPERIMENT, command=sample.COMMAND,
        facts=sample.FACTS, charts=True,
    )  # fmt: skip
    for name, files in (("cost", judged_pages.cost()), ("history", judged_pages.history_of_two_changes())):
        for path, content in files.items():
            place(base / name / path, content)
    write_runs([run_sample.single(), run_sample.capacity()], out=base / "runs", command=sample.COMMAND, charts=True)
    return base


@pytest.fixture(scope="module")
def browser(tmp_path_factory) -> Iterator[object]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            tmp_path_factory.mktemp("profile"), executable_path=shutil.which("chromium"), args=FLAGS
        )
        yield context
        context.close()


@pytest.mark.parametrize("which", ["clean", "ugly", "full", "cost", "history", "runs"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1100, 360])
def test_a_page_opens_without_request_message_or_fault(folder, browser, which, scheme, width):
    page = browser.new_page()
    requests, messages = [], []
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda message: messages.append(message.text))
    page.on("pageerror", lambda error: messages.append(str(error)))
    page.on("dialog", lambda dialog: messages.append(dialog.message))
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 800})
    url = (folder / which / "report.html").as_uri()
    page.goto(url)
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    faults = page.evaluate(FAULTS)
    page.close()
    assert faults == []
    assert messages == []
    assert requests == [url]


def test_the_checks_find_faults_that_are_planted(folder, browser):
    page = browser.new_page()
    page.goto((folder / "clean" / "report.html").as_uri())
    page.evaluate("""() => {
      document.querySelector('svg').removeAttribute('aria-labelledby');
      document.querySelector('caption').remove();
      document.querySelector('th[scope=row]').outerHTML = '<td>x</td>';
      document.querySelector('h1').style.color = '#999';
      document.querySelector('svg text').setAttribute('fill', '#bbbbbb');
      document.querySelector('main').style.width = '3000px';
    }""")
    faults = page.evaluate(FAULTS)
    page.close()
    assert sum(fault.startswith("contrast") for fault in faults) == 2
    assert {
        "a picture has no name",
        "a table has no caption",
        "a row has no head",
        "the page scrolls sideways",
    } <= set(faults)


def test_the_schemes_differ_and_charts_follow(folder, browser):
    page = browser.new_page()
    page.goto((folder / "clean" / "report.html").as_uri())
    look = """() => [
      getComputedStyle(document.body).color, getComputedStyle(document.querySelector('svg text')).fill
    ]"""
    found = {}
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        found[scheme] = page.evaluate(look)
    page.close()
    assert found["light"][0] != found["dark"][0]
    assert found["light"][1] != found["dark"][1]


def test_the_keyboard_reaches_the_content_first_and_opens_a_table(folder, browser):
    page = browser.new_page()
    page.goto((folder / "clean" / "report.html").as_uri())
    page.keyboard.press("Tab")
    skip = "() => [document.activeElement.className, document.activeElement.getBoundingClientRect().left >= 0]"
    assert page.evaluate(skip) == ["skip", True]
    page.keyboard.press("Enter")
    assert page.evaluate("() => document.activeElement.id") == "content"
    page.locator("details[data-table-of=ratios] summary").focus()
    page.keyboard.press("Enter")
    assert page.evaluate("() => document.querySelector('details[data-table-of=ratios]').open")
    page.close()


def test_the_data_is_saved_by_its_link_without_a_request(folder, browser):
    page = browser.new_page()
    requests = []
    page.on("request", lambda request: requests.append(request.url))
    url = (folder / "full" / "report.html").as_uri()
    page.goto(url)
    with page.expect_download() as saved:
        page.locator("#data-json").click()
    assert saved.value.suggested_filename == "data.json.gz"
    assert gzip.decompress(Path(saved.value.path()).read_bytes()) + b"\n" == (folder / "full/data.json").read_bytes()
    page.close()
    assert [each for each in requests if not each.startswith("data:application/gzip")] == [url]


def test_no_two_labels_of_a_drawing_lie_on_each_other(folder, browser):
    """Labels of one drawing, by their boxes; turned ones have boxes larger than themselves and are left out."""
    overlapping = r"""() => {
      const found = [];
      for (const svg of document.querySelectorAll('figure svg')) {
        const boxes = [...svg.querySelectorAll('text')]
          .filter(t => t.textContent.trim() && !/rotate/.test(t.getAttribute('transform')))
          .map(t => [t.textContent, t.getBoundingClientRect()]);
        for (let i = 0; i < boxes.length; i++) for (let j = i + 1; j < boxes.length; j++) {
          const [a, b] = [boxes[i][1], boxes[j][1]];
          const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
          const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
          if (across > 2 && down > 4) found.push(`${boxes[i][0]} | ${boxes[j][0]}`);
        }
      }
      return found;
    }"""
    page = browser.new_page()
    page.set_viewport_size({"width": 1100, "height": 800})
    for which in ("clean", "full", "cost", "history"):
        page.goto((folder / which / "report.html").as_uri())
        assert page.evaluate(overlapping) == [], which
    page.close()


def test_a_drawing_opens_by_itself(folder, browser):
    page = browser.new_page()
    messages = []
    page.on("console", lambda message: messages.append(message.text))
    for name in ("percentiles", "ratios", "rounds", "cpu", "memory", "noise"):
        page.goto((folder / "clean" / "charts" / f"{name}.svg").as_uri())
        assert page.evaluate("() => document.documentElement.querySelectorAll('text').length") > 3
    page.close()
    assert messages == []

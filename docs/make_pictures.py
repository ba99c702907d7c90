"""Makes pictures of the pages in Chromium: the captions page, the designer, the overlay in front of a drawn evening.

Run it from the project's folder: ``python docs/make_pictures.py``. It needs Chromium and ChromeDriver.
"""

import sys
import tempfile
import time
from base64 import b64decode
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from selenium import webdriver  # noqa: E402

from streamstt.events import Event, State, Status  # noqa: E402
from tests.support.browser import chromium, set_media, set_viewport  # noqa: E402 - the tests' helpers
from tests.support.pages import ScriptedDaemon, final, partial  # noqa: E402

IMAGES = ROOT / "docs" / "images"
SIZE = (960, 540)
# As the designer's "picture"; set through the browser, which the pages' security policy does not concern.
BACKDROP = """
  document.documentElement.style.background =
    'radial-gradient(circle at 74% 34%, #fff6d8 0 4.5%, rgb(255 226 160 / 55%) 6%, transparent 22%),' +
    'radial-gradient(ellipse 52% 40% at 18% 104%, #16302f 0 98%, transparent 100%),' +
    'radial-gradient(ellipse 62% 34% at 78% 106%, #234542 0 98%, transparent 100%),' +
    'radial-gradient(ellipse 70% 44% at 48% 112%, #3d6a62 0 98%, transparent 100%),' +
    'linear-gradient(#7fa6c9, #f3c89b 62%, #f7e6c4 72%, #8fb0a8)';
"""
ALONE: tuple[Event, ...] = (
    final("Good morning, everybody, and welcome."),
    partial("Captions appear here while people are still speaking", 37, "c2"),
)
TOGETHER: tuple[Event, ...] = (
    final("Hello!", "c0", "Ben"),
    final("Shall we begin?", "c1", "desk"),
    final("Yes, I think everybody is here.", "c2", "Ben"),
    partial("Then let us start with the", len("Then let us start"), "c3", "desk"),
)
ARABIC: tuple[Event, ...] = (
    final("صباح الخير جميعا، وأهلا بكم."),
    partial("غدا سنذهب إلى المدينة لأن هناك احتفالا", len("غدا سنذهب إلى المدينة"), "c2"),
)
PHRASES: tuple[Event, ...] = (final("Whole phrases come at once, and stay until they are read."),)
MEETING = (
    ("desk", "The heat pump takes most of its energy from the ground below the car park, forty metres deep."),
    ("desk", "In winter it needs about a third of the electricity that the old boiler took in gas."),
    ("desk", "Are there any questions so far?"),
    ("laptop", "Yes, please, over there in the second row."),
    ("laptop", "How loud is it, and can one hear it from the garden?"),
    ("desk", "You will not hear it. It stands in the cellar, behind two doors."),
    ("stage", "And what happens when it is minus fifteen degrees outside?"),
    (
        "desk",
        "Then it still works; the ground is ten degrees all year round, and that is what makes it so much better.",
    ),
)
PICTURES: dict[str, tuple[str, tuple[Event, ...]]] = {
    "default": ("", ALONE),
    "outline": ("?background=none&outline=5&size=4&weight=700&chars=36", ALONE),
    "light": ("?background=ffffffe6&color=111&position=top-left&margin=8&size=3&chars=32", ALONE),
    "speakers": ("?lines=3", TOGETHER),
    "colors": ("?lines=3&colors=text&labels=off", TOGETHER),
    "popon": ("?mode=popon&align=center&background=000000d9", PHRASES),
    "arabic": ("", ARABIC),
}


def main() -> None:
    """Makes all of them."""
    with tempfile.TemporaryDirectory() as folder, chromium(Path(folder)) as driver:
        set_media(driver, prefers_reduced_motion="reduce", prefers_color_scheme="light")
        for name, (query, events) in PICTURES.items():
            picture_overlay(driver, name, query, events)
        picture_designer(driver)
        picture_captions(driver)


def picture_overlay(driver: webdriver.Chrome, name: str, query: str, events: tuple[Event, ...]) -> None:
    """The overlay after these events."""
    daemon = ScriptedDaemon()
    try:
        set_viewport(driver, *SIZE)
        driver.get(f"{daemon.url}/overlay{query}")
        driver.execute_script(BACKDROP)
        while not daemon.viewers:
            time.sleep(0.05)
        for event in events:
            daemon.publish(event)
        time.sleep(0.5)
        shoot(driver, IMAGES / f"overlay-{name}.png")
    finally:
        driver.get("about:blank")
        daemon.close()


def picture_designer(driver: webdriver.Chrome) -> None:
    """The designer with its preview."""
    daemon = ScriptedDaemon()
    try:
        set_viewport(driver, 1160, 760)
        driver.get(f"{daemon.url}/designer")
        time.sleep(4.5)  # the sample is in its second sentence
        shoot(driver, IMAGES / "designer.png")
    finally:
        driver.get("about:blank")
        daemon.close()


def picture_captions(driver: webdriver.Chrome) -> None:
    """The captions page with three sources."""
    daemon = ScriptedDaemon()
    daemon.add_source("stage", "Stage")
    daemon.add_source("laptop", "Anna's laptop")
    try:
        set_viewport(driver, 1280, 800)
        driver.get(daemon.url)
        while not daemon.viewers:
            time.sleep(0.05)
        for source in ("desk", "stage", "laptop"):
            daemon.publish(Status(source, State.SPEECH if source == "desk" else State.LISTENING))
        for number, (source, text) in enumerate(MEETING):
            daemon.publish(final(text, f"c{number}", source))
        text = "So the question of noise is settled, and we come to the money."
        daemon.publish(partial(text, len(text) - len("the money."), "open"))
        with daemon.tone(0.06), daemon.tone(0.004, "laptop"):
            time.sleep(1.5)
            shoot(driver, IMAGES / "captions.png")
    finally:
        driver.get("about:blank")
        daemon.close()


def shoot(driver: webdriver.Chrome, path: Path) -> None:
    """Writes what is on the page to a file."""
    shot = driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png", "optimizeForSpeed": False})
    path.write_bytes(b64decode(shot["data"]))


if __name__ == "__main__":
    main()

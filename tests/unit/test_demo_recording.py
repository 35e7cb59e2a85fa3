"""The recording for README: each frame in its turn, as text that a browser can show."""

from xml.etree import ElementTree as ET

from rich.style import Style

from devtools.demo_recording import LAST_SECONDS, PLACE, SHOWN_SECONDS, build_svg

SVG = "{http://www.w3.org/2000/svg}"


def test_frames_are_shown_one_after_the_other_and_the_last_for_longer() -> None:
    frames = [(((0, "one <&> two  ", Style.parse("bold green")),),), ((), ((3, "three", None),))]
    root = ET.fromstring(build_svg(frames))  # noqa: S314 - our own
    groups = root.findall(f"{SVG}g")
    assert [group.get("class") for group in groups] == ["f", "f l"]
    assert [group.get("style") for group in groups] == ["animation-delay:0.0s", f"animation-delay:{SHOWN_SECONDS}s"]
    assert [text.text for text in root.iter(f"{SVG}text")] == ["one <&> two", "three"]
    assert f"animation:f {SHOWN_SECONDS + LAST_SECONDS:.1f}s" in (root.findtext(f"{SVG}style") or "")


def test_the_recording_tells_the_story_and_is_small() -> None:
    text = PLACE.read_text(encoding="utf-8")
    assert len(text) < 300_000
    shown = " ".join(one.text or "" for one in ET.fromstring(text).iter(f"{SVG}text"))  # noqa: S314 - our own
    for part in ("lagging", "catching up", "fresh again", "The pool is back at 3"):
        assert part in shown, f"make recording: {part!r} is not in it"

"""The metrics, as Prometheus reads them."""

from dataclasses import replace

from prometheus_client.parser import text_string_to_metric_families

from streamstt.events import Gap, State, Status
from streamstt.hub.counters import BUCKETS_S
from streamstt.hub.hub import Hub
from streamstt.hub.protocol import SourceInfo
from streamstt.server.http.pages import Pages
from tests.support.captions import ABOUT, final, make_hub, partial


def scrape(hub: Hub) -> dict[tuple[str, ...], float]:
    """Every sample of the page: its name and the values of its labels, as Prometheus' own parser reads it."""
    page = Pages(hub).respond("/metrics")
    assert page.content_type.startswith("text/plain; version=0.0.4")
    families = text_string_to_metric_families(page.body.decode())
    return {(s.name, *s.labels.values()): s.value for family in families for s in family.samples}


def counted(*sources: str) -> Hub:
    """A hub whose settings name these sources."""
    hub = Hub(ABOUT, history=100, hello_history=50, queue=100, sources=sources)
    for name in sources:
        hub.add_source(SourceInfo(name, name.title(), ABOUT.started_at))
    return hub


def test_captions_are_counted() -> None:
    """Updates, finals, words and gaps, of each source; a final that takes a partial back is none."""
    hub = counted("mic", "door")
    hub.publish(partial("It is"))
    hub.publish(final("It is said."))
    hub.publish(final("Twice now."))
    hub.publish(final(""))
    hub.publish(Gap("mic", 2.0, 3.5))
    read = scrape(hub)
    assert read["streamstt_updates_total", "mic"] == 1
    assert read["streamstt_finals_total", "mic"] == 2
    assert read["streamstt_words_total", "mic"] == 5
    assert read["streamstt_gaps_total", "mic"] == 1
    assert read["streamstt_gap_seconds_total", "mic"] == 1.5
    assert read["streamstt_finals_total", "door"] == 0


def test_names_of_strangers_are_no_labels() -> None:
    """Whatever remote clients call themselves, there is one more source, not one for each."""
    hub = counted("mic")
    for number in range(100):
        hub.publish(final("Hello there.", source=f'x{number}"}}\n'))
        hub.publish(Status(f"x{number}", State.LISTENING))
    read = scrape(hub)
    assert read["streamstt_finals_total", "remote"] == 100
    assert {key[1] for key in read if key[0] == "streamstt_finals_total"} == {"mic", "remote"}
    assert {key[1] for key in read if key[0] == "streamstt_source_missing"} == {"remote"}


def test_clients() -> None:
    """Who is here, who ever came, and who was too slow."""
    hub = make_hub(queue=8)
    with hub.subscribe(), hub.subscribe(source="desk"):
        assert scrape(hub)["streamstt_viewers",] == 1
        for number in range(10):
            hub.publish(final("Word.", number=number))
    read = scrape(hub)
    assert read["streamstt_viewers",] == 0
    assert read["streamstt_viewers_connected_total",] == 1
    assert read["streamstt_speakers_connected_total",] == 1
    assert read["streamstt_clients_too_slow_total",] == 1


def test_what_is_wrong() -> None:
    """Notices are counted, and a missing device is seen by its source."""
    hub = counted("mic", "door")
    hub.publish(Status("mic", State.LISTENING))
    hub.publish(Status("door", State.LOST, "Unplugged."))
    hub.notify("late", "Captions are late.", "mic")
    read = scrape(hub)
    assert read["streamstt_notices",] == 1
    assert read["streamstt_source_missing", "door"] == 1
    assert read["streamstt_source_missing", "mic"] == 0


def test_durations() -> None:
    """A histogram is cumulative; what lies on a bound is counted under it; the slowest are in the last bucket only."""
    hub = make_hub()
    for seconds in (0.01, 0.05, 0.4, 100):
        hub.counters.count_decode(final=True, decode_s=seconds, age_s=0.0)
    read = scrape(hub)
    bucket = "streamstt_decode_seconds_bucket", "final"
    assert [read[*bucket, bound] for bound in ("0.05", "0.3", "0.5", "30.0", "+Inf")] == [2, 2, 3, 3, 4]
    hub = make_hub()
    hub.counters.count_decode(final=False, decode_s=0.12, age_s=0.25)
    hub.counters.count_decode(final=True, decode_s=0.2, age_s=0.9)
    read = scrape(hub)
    assert read["streamstt_decode_seconds_count", "partial"] == 1
    assert read["streamstt_decode_seconds_sum", "final"] == 0.2
    assert read["streamstt_caption_delay_seconds_bucket", "partial", "0.2"] == 0
    assert read["streamstt_caption_delay_seconds_bucket", "partial", "0.3"] == 1


def test_what_other_parts_add() -> None:
    """Other parts add their values; model, precision and the process's resources are there."""
    hub = make_hub()
    lags = {"a": 1.5, "b": 0.5}
    hub.counters.read_lags = lambda: lags
    for target, count in (("zoom", 3), ("obs", 4)):
        hub.counters.add_counter("outlet_delivered", "Delivered.", lambda count=count: count, target=target)
        hub.counters.add_gauge("outlet_waiting", "Waiting.", lambda count=count: -count, target=target)
    read = scrape(hub)
    assert (read["streamstt_lag_seconds", "a"], read["streamstt_lag_seconds", "b"]) == (1.5, 0.5)
    assert hub.counters.max_lag_s == 1.5
    assert (read["streamstt_outlet_delivered_total", "zoom"], read["streamstt_outlet_waiting", "obs"]) == (3, -4)
    assert read["streamstt_info", "en", "base", "int8", "1.0"] == 1
    assert read["process_resident_memory_bytes",] > 1e6
    lags.clear()
    assert not any("lag_seconds" in name for name, *_ in scrape(hub)), "a source that has gone has no lag"
    assert hub.counters.max_lag_s == 0


def test_a_replica_tells_of_the_daemon_that_it_copies() -> None:
    """On an edge, what runs is what runs at the daemon."""
    hub = make_hub()
    hub.mirror(replace(ABOUT, session="run-2", model="small"), [], 7, 0)
    assert scrape(hub)["streamstt_info", "en", "small", "int8", "1.0"] == 1


EXPOSED = """
streamstt_info: info, Version, model, precision and language.
streamstt_viewers: gauge, Viewers now.
streamstt_notices: gauge, Notices in force; /healthz lists them.
streamstt_source_missing{source}: gauge, 1 while a source's device is missing.
streamstt_audio_seconds{source}: counter, Audio received.
streamstt_updates{source}: counter, Partial captions published.
streamstt_finals{source}: counter, Final captions published.
streamstt_words{source}: counter, Words in final captions.
streamstt_gaps{source}: counter, Stretches of audio that are in no caption.
streamstt_gap_seconds{source}: counter, Audio that is in no caption.
streamstt_viewers_connected: counter, Viewers that ever connected.
streamstt_speakers_connected: counter, Clients that ever sent audio.
streamstt_clients_too_slow: counter, Clients closed because they did not read.
streamstt_decode_seconds{kind}: histogram, Time that the engine took for a caption.
streamstt_caption_delay_seconds{kind}: histogram, \
Age of the newest audio in a caption when the caption was published.
""".replace("\\\n", "")


def test_names_stay() -> None:
    """Dashboards know these names, types, labels and buckets; a change breaks them."""
    hub = counted("mic")
    hub.publish(Status("mic", State.LISTENING))
    families = list(text_string_to_metric_families(hub.counters.render().decode()))
    own = [family for family in families if family.name.startswith("streamstt")]
    lines = set()
    for family in own:
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        kind = "info" if family.name == "streamstt_info" else family.type
        shown = f"{{{','.join(sorted(labels))}}}" if labels and kind != "info" else ""
        lines.add(f"{family.name}{shown}: {kind}, {family.documentation}")
    assert lines == set(EXPOSED.strip().splitlines())
    (decode,) = [family for family in own if family.name == "streamstt_decode_seconds"]
    bounds = [s.labels["le"] for s in decode.samples if s.labels == {"kind": "final", "le": s.labels.get("le")}]
    assert bounds == [*map(str, BUCKETS_S), "+Inf"]
    assert {s.name for s in decode.samples} == {
        f"streamstt_decode_seconds_{part}" for part in ("bucket", "sum", "count")
    }

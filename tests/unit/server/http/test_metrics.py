"""What Prometheus is told."""

from collections.abc import Iterator

from prometheus_client.parser import text_string_to_metric_families

from streamstt.events import Gap, State, Status
from streamstt.hub.counters import Counters, Histogram, MetricSample
from streamstt.hub.hub import Hub
from streamstt.server.http.pages import Pages
from tests.support.captions import final, make_hub, partial


def scrape(hub: Hub) -> dict[tuple[str, ...], float]:
    """Every sample of the page: its name and the values of its labels, as Prometheus' own parser reads it."""
    page = Pages(hub).respond("/metrics")
    assert page.content_type.startswith("text/plain; version=0.0.4")
    families = text_string_to_metric_families(page.body.decode())
    return {(s.name, *s.labels.values()): s.value for family in families for s in family.samples}


def counted(*sources: str) -> Hub:
    """A hub whose settings name these sources."""
    hub = make_hub(sources=sources)
    hub.counters = Counters(sources)
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
    times = Histogram()
    for seconds in (0.01, 0.05, 0.4, 100):
        times.observe(seconds)
    buckets = dict(times.cumulative_buckets)
    assert buckets[0.05] == 2
    assert buckets[0.3] == 2
    assert buckets[0.5] == 3
    assert buckets[30.0] == 3
    assert buckets[float("inf")] == 4
    hub = make_hub()
    hub.counters.count_decode(final=False, decode_s=0.12, age_s=0.25)
    hub.counters.count_decode(final=True, decode_s=0.2, age_s=0.9)
    read = scrape(hub)
    assert read["streamstt_decode_seconds_count", "partial"] == 1
    assert read["streamstt_decode_seconds_sum", "final"] == 0.2
    assert read["streamstt_caption_delay_seconds_bucket", "partial", "0.2"] == 0
    assert read["streamstt_caption_delay_seconds_bucket", "partial", "0.3"] == 1


def test_probes_model_and_memory() -> None:
    """Other parts add their readings; the model and its precision are told, and what the process takes."""
    hub = make_hub()

    def probe() -> Iterator[MetricSample]:
        yield MetricSample("lag_seconds", "Late.", 1.5, (("source", "a"),))
        yield MetricSample("lag_seconds", "Late.", 0.5, (("source", "b"),))

    hub.counters.add_collector(probe)
    read = scrape(hub)
    assert read["streamstt_lag_seconds", "a"] == 1.5
    assert read["streamstt_lag_seconds", "b"] == 0.5
    assert read["streamstt_info", "en", "base", "int8", "1.0"] == 1
    assert read["process_resident_memory_bytes",] > 1e6

"""Some minutes of audio at full speed, with clients that come and go and a microphone that breaks."""

from tests import soak


def test_a_short_soak() -> None:
    """Nothing is lost or out of order, and threads and descriptors do not pile up; memory needs more hours."""
    wrong = soak.run(soak.Plan(hours=0.1, model="tiny.en", speakers=2, settled_h=0.02, fault_s=8, sample_s=0.5))
    assert [complaint for complaint in wrong if not complaint.startswith("memory")] == []

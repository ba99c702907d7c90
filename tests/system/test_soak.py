"""A short soak test: minutes of audio at full speed, with clients that come and go and a microphone that fails."""

from tests import soak


def test_a_short_soak() -> None:
    """No final is lost or out of order, and threads and descriptors do not accumulate; memory needs longer runs."""
    plan = soak.Plan(hours=0.05, model="tiny.en", speakers=2, settled_h=0.01, talk_s=30, fault_s=4, sample_s=0.3)
    problems = soak.run(plan)
    assert [problem for problem in problems if not problem.startswith("memory")] == []

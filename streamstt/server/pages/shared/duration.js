// Durations for people, as `streamstt/terminal/text.py` writes them.

/** seconds: from a fraction of a second to days. */
export function formatDuration(seconds) {
  if (seconds < 120) return `${seconds.toFixed(1)} s`;
  return seconds < 7_200 ? `${Math.round(seconds / 60)} minutes` : `${Math.round(seconds / 3_600)} hours`;
}

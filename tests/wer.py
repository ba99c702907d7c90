"""Word error rate, after Whisper's own normaliser."""

from whisper_normalizer.english import EnglishTextNormalizer

NORMALISE = EnglishTextNormalizer()


def word_error_rate(reference: str, hypothesis: str) -> float:
    """Errors (substituted, missing, added words) a reference word."""
    ref, hyp = NORMALISE(reference).split(), NORMALISE(hypothesis).split()
    row = list(range(len(hyp) + 1))
    for i, word in enumerate(ref, 1):
        before, row[0] = row[0], i
        for j, heard in enumerate(hyp, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (word != heard))
    return row[-1] / max(1, len(ref))

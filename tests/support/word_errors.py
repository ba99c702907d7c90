"""Word error rate of texts in Whisper's normal form."""

from whisper_normalizer.english import EnglishTextNormalizer

from streamstt.bench.scoring import align

NORMALIZE = EnglishTextNormalizer()


def word_error_rate(reference: str, hypothesis: str) -> float:
    """Returns the number of word errors (substituted, missing, added) per word of the reference."""
    ref, hyp = NORMALIZE(reference).split(), NORMALIZE(hypothesis).split()
    _, errors = align(ref, hyp)
    return errors / max(1, len(ref))

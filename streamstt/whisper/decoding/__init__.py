"""From network outputs to text: greedy decoding with drafts, alignment, words."""

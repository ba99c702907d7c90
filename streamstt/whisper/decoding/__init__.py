"""From the network's output to text: greedy decoding with drafts, word times, words."""

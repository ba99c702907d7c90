"""Other programs' protocols: each turns its client's audio into a source, and that source's captions into its words."""

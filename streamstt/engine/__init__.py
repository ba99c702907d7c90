"""The seam between captions and the model: jobs, hypotheses, and who runs them."""

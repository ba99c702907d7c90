"""The interface between captions and the model: jobs, hypotheses, and what runs them."""

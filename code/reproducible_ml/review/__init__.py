"""What a change does: compared with its base, gated, and told to its reviewers."""

"""What auditors ask: canvases, phases, risk, technical documentation, evidence."""

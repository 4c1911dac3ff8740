"""`rml outcomes`: how good answers were, once their labels are known."""

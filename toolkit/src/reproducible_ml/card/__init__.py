"""The model card: what a model is for, how good it is and how it was made."""

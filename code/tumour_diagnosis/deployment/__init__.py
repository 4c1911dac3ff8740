"""How the model is used."""

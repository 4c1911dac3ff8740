"""How cookiecutter makes a project; it runs these with its own Python: no packages."""

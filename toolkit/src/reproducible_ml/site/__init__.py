"""`rml site`: the documentation as a site, from the Markdown and docstrings of Git."""

"""From a table of your own to a project about it."""

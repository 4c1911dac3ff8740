"""Results, shown on a tracking server as well."""

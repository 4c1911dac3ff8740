"""Use a model: in batches, as a package, behind a service, a queue or a function."""

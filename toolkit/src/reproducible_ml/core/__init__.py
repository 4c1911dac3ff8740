"""Errors, files, parameters, stages, parallel jobs and tables on disk."""

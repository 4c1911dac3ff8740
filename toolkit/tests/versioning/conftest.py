"""Repositories for tests, shared with those of the report."""

from ..report.conftest import pipeline, repository, small_pipeline

__all__ = ["pipeline", "repository", "small_pipeline"]

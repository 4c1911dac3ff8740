"""Files, parameters, stages, parallel work, and tables on disk."""

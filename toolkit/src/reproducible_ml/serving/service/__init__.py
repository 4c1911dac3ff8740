"""The model behind HTTP: FastAPI and uvicorn."""

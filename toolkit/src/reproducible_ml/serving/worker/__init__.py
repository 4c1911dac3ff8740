"""The model behind a queue: NATS JetStream, through FastStream."""

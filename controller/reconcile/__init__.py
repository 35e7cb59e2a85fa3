"""One pool at a time: the queue, the workers, the plan carried out, each object written by itself."""

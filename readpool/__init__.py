"""The ground that the scaler and the controller both stand on: shared types, generated stubs, telemetry."""

__version__ = "0.2.0.dev0"

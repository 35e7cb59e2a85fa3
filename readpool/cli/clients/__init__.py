"""Connections to a scaler, as KEDA and the Observer are spoken to."""

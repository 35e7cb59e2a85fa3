"""What the scaler costs and how its policy does, measured: `python -m bench`."""

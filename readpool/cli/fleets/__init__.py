"""`readpool top` and `readpool check`: what a scaler sees, and whether it answers."""

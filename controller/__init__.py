"""The hands: owns the ReadOnlyPool resource and everything it stands for."""

"""What KEDA's scalerMetadata asks for: parsed, checked, refused with a sentence. Pure."""

"""`readpool demo`: a fleet that falls behind, grows, recovers and shrinks, in a terminal."""

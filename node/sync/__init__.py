"""Catching up: what others have made final, and what they have above it."""

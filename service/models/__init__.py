"""The nouns as they travel in JSON."""

"""The service: what a shop can do with its stock and its reservations, and how it is asked."""

"""Attacks, most of them made from what the application says of itself: a new route or field is under attack at once."""

"""Quantised networks of the kiosk: the files, their cards, and the one way to run them."""

"""Offline training of the networks; needs torch and tensorflow, never imported by the daemon."""

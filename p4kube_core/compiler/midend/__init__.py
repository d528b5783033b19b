"""Passes over the IR, one a file; the list of them is in driver.py."""

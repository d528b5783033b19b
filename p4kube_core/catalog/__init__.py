"""Network-function packages: a program, what it can be told, and how that becomes entries."""

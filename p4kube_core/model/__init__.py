"""The nouns: frozen values of the standard library alone, known to every layer."""

"""Back ends: IR in, C out, one folder a target."""

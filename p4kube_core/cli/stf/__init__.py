"""STF, p4c's format of packet tests: reading scripts, running them, saying what went wrong."""

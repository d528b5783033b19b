"""The P4Runtime client: values and pure codec inside, one session with I/O at the rim."""

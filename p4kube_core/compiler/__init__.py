"""The P4 compiler: P4_16 source to P4Info and C."""

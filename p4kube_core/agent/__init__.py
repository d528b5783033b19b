"""The per-node process: P4Runtime server, its own small service, and keeper of the data plane."""

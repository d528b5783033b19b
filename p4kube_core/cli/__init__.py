"""The command line: `p4kube`, and the same as a kubectl plug-in."""

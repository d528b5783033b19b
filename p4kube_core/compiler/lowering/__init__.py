"""From a checked P4 program to the IR: everything generic, nested and implicit is resolved here."""

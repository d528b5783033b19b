"""From what is wanted to what a device holds: desire, difference, steps."""

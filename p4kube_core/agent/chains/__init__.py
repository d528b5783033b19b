"""Functions on the interfaces of pods: what is attached where, and how it comes to stand there.

Pure are `desire` (functions, attachments and endpoints become the chains that are wanted, and those
devices, ports and wires) and `plan` (the steps from what there is to what is wanted). `shelf` keeps
what was acknowledged; `site` holds all of it and carries the steps out.
"""

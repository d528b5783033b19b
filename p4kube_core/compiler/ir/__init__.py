"""The typed IR between the front end and the back ends: flat, structured, verified between
passes.
"""

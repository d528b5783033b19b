"""Recursive-descent parser of P4_16: tokens to syntax tree, all syntax errors of a run reported."""

from p4kube_core.compiler.frontend.parser.program import parse_program, parse_tokens

__all__ = ["parse_program", "parse_tokens"]

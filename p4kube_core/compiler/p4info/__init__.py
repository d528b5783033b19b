"""P4Info: what of a program the control plane sees, with the names and ids that p4c gives."""

from typing import Any, Final

from p4kube_core import protos
from p4kube_core.compiler.p4info.build import build

__all__ = ["build", "text"]

_HEADING: Final = """\
# proto-file: p4/config/v1/p4info.proto
# proto-message: p4.config.v1.P4Info

"""


def text(message: Any) -> str:
    """A P4Info in protobuf's text form, as p4c writes it into .p4info.txtpb files."""
    return _HEADING + protos.to_text(message)

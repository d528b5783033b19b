"""What the externs that P4Info knows are called in each architecture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, final


@final
@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Names of extern types, of their constructors' parameters and of table properties."""

    counter: str
    counter_size: str
    direct_counter: str
    counters_property: str
    meter: str
    meter_size: str
    direct_meter: str
    meters_property: str
    register: str
    action_profile: str
    action_selector: str
    implementation_property: str
    digest: str | None  # an extern type; None where digest() is a function
    timeout_property: str
    # Which type argument is that of the index, None where it has no type of its own.
    counter_index: int | None
    meter_index: int | None
    register_index: int | None


V1MODEL: Final = Vocabulary(
    counter="counter",
    counter_size="size",
    direct_counter="direct_counter",
    counters_property="counters",
    meter="meter",
    meter_size="size",
    direct_meter="direct_meter",
    meters_property="meters",
    register="register",
    action_profile="action_profile",
    action_selector="action_selector",
    implementation_property="implementation",
    digest=None,
    timeout_property="support_timeout",
    counter_index=None,
    meter_index=None,
    register_index=None,
)


def _portable(prefix: str) -> Vocabulary:
    return Vocabulary(
        counter="Counter",
        counter_size="n_counters",
        direct_counter="DirectCounter",
        counters_property=f"{prefix}_direct_counter",
        meter="Meter",
        meter_size="n_meters",
        direct_meter="DirectMeter",
        meters_property=f"{prefix}_direct_meter",
        register="Register",
        action_profile="ActionProfile",
        action_selector="ActionSelector",
        implementation_property=f"{prefix}_implementation",
        digest="Digest",
        timeout_property=f"{prefix}_idle_timeout",
        counter_index=1,
        meter_index=0,
        register_index=1,
    )


OF: Final[Mapping[str, Vocabulary]] = {
    "v1model": V1MODEL,
    "psa": _portable("psa"),
    "pna": _portable("pna"),
}

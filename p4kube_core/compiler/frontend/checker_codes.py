"""The one table of the checker's diagnostics: P4K03xx code, and what it is about."""

from typing import Final

UNKNOWN_NAME: Final = "P4K0301"
DUPLICATE: Final = "P4K0302"
WRONG_SORT: Final = "P4K0303"
WRONG_TYPE: Final = "P4K0304"
OPERANDS: Final = "P4K0305"
NOT_CONSTANT: Final = "P4K0306"
BAD_VALUE: Final = "P4K0307"
NOT_ASSIGNABLE: Final = "P4K0308"
UNKNOWN_MEMBER: Final = "P4K0309"
ARGUMENTS: Final = "P4K0310"
TYPE_ARGUMENTS: Final = "P4K0311"
OVERLOAD: Final = "P4K0312"
MISPLACED: Final = "P4K0313"
ILLEGAL_TYPE: Final = "P4K0314"
PARAMETER: Final = "P4K0315"
CAST: Final = "P4K0316"
RECURSION: Final = "P4K0317"
FLOW: Final = "P4K0318"
TABLE: Final = "P4K0319"
KEY: Final = "P4K0320"
ACTION_LIST: Final = "P4K0321"
ENTRY: Final = "P4K0322"
STATE: Final = "P4K0323"
SELECT: Final = "P4K0324"
SWITCH: Final = "P4K0325"
ABSTRACT: Final = "P4K0326"
MAIN: Final = "P4K0327"
ANNOTATION: Final = "P4K0328"
LOOP: Final = "P4K0329"
CONTROL_PLANE_NAME: Final = "P4K0330"
TOO_DEEP: Final = "P4K0331"
UNREACHABLE_STATE: Final = "P4K0380"
TABLE_NOT_APPLIED: Final = "P4K0381"
NEVER_VALID: Final = "P4K0382"
TRUNCATED: Final = "P4K0383"
DEPRECATED: Final = "P4K0384"
UNREACHABLE_CASE: Final = "P4K0385"

TITLES: Final[dict[str, str]] = {
    UNKNOWN_NAME: "a name that is not declared, or not yet",
    DUPLICATE: "a name declared twice",
    WRONG_SORT: "a type where a value is wanted, or a value where a type is wanted",
    WRONG_TYPE: "an expression of another type than wanted",
    OPERANDS: "an operator that is not defined on its operands",
    NOT_CONSTANT: "a value that is not known at compile time where one is wanted",
    BAD_VALUE: "a compile-time value out of range",
    NOT_ASSIGNABLE: "something that cannot be written to",
    UNKNOWN_MEMBER: "a member that does not exist",
    ARGUMENTS: "arguments that do not fit the parameters",
    TYPE_ARGUMENTS: "type arguments that are missing, too many, or cannot be inferred",
    OVERLOAD: "a call that no declaration fits, or several",
    MISPLACED: "something where the language does not allow it",
    ILLEGAL_TYPE: "a type that may not be used so",
    PARAMETER: "a parameter that is not legal",
    CAST: "a cast that does not exist",
    RECURSION: "a declaration that refers to itself",
    FLOW: "a return that is missing or wrong",
    TABLE: "a table property that is missing or wrong",
    KEY: "a table key that is wrong",
    ACTION_LIST: "an action that a table may not use so",
    ENTRY: "a table entry that does not fit its table",
    STATE: "a parser state that is missing or wrong",
    SELECT: "a select expression that is wrong",
    SWITCH: "a switch statement that is wrong",
    ABSTRACT: "an abstract method that is missing or wrong",
    MAIN: "a wrong or missing `main`",
    ANNOTATION: "a wrong annotation",
    LOOP: "a loop statement that is wrong",
    CONTROL_PLANE_NAME: "two objects with the same name for the control plane",
    TOO_DEEP: "nesting beyond what the compiler takes",
    UNREACHABLE_STATE: "warning: a parser state that nothing leads to",
    TABLE_NOT_APPLIED: "warning: a table that is never applied",
    NEVER_VALID: "warning: a read of a header that is never valid",
    TRUNCATED: "warning: a constant that does not fit its type",
    DEPRECATED: "warning: a use of something marked as deprecated",
    UNREACHABLE_CASE: "warning: a case after one that takes everything",
}

"""The one table of lexical and syntax diagnostics: P4K01xx and 02xx, and what they are about."""

from typing import Final

OPEN_COMMENT: Final = "P4K0101"
OPEN_STRING: Final = "P4K0102"
STRAY_CHARACTER: Final = "P4K0103"
BAD_NUMBER: Final = "P4K0104"
WIDE_NUMBER: Final = "P4K0105"
OPEN_CALL: Final = "P4K0110"
MACRO_ARGUMENTS: Final = "P4K0111"
PASTING: Final = "P4K0112"
BAD_DEFINE: Final = "P4K0113"
TOO_LARGE: Final = "P4K0114"
UNKNOWN_DIRECTIVE: Final = "P4K0115"
BAD_DIRECTIVE: Final = "P4K0116"
REDEFINED: Final = "P4K0117"
NO_FILE: Final = "P4K0118"
INCLUDE_DEPTH: Final = "P4K0119"
TOLD: Final = "P4K0120"
CONDITIONALS: Final = "P4K0121"
SYNTAX: Final = "P4K0201"
TOO_DEEP: Final = "P4K0202"
AFTER_TRANSITION: Final = "P4K0203"
APPLY_BLOCKS: Final = "P4K0204"
USELESS_CONST: Final = "P4K0205"
ANNOTATION_FORM: Final = "P4K0206"

TITLES: Final[dict[str, str]] = {
    OPEN_COMMENT: "a comment that is never closed",
    OPEN_STRING: "a string literal that is never closed",
    STRAY_CHARACTER: "a character that begins no token of P4",
    BAD_NUMBER: "a malformed integer literal",
    WIDE_NUMBER: "an integer literal of absurd width",
    OPEN_CALL: "a call of a macro that is never closed",
    MACRO_ARGUMENTS: "a macro called with too many or too few arguments",
    PASTING: "a ## in a macro that makes no token",
    BAD_DEFINE: "a malformed #define",
    TOO_LARGE: "a program that is too large after macro expansion",
    UNKNOWN_DIRECTIVE: "a directive that does not exist",
    BAD_DIRECTIVE: "a malformed directive, or a condition without a value",
    REDEFINED: "a macro that is defined anew, differently",
    NO_FILE: "a file that is not there or cannot be read",
    INCLUDE_DEPTH: "includes that are nested too deeply",
    TOLD: "what #error and #warning say",
    CONDITIONALS: "#if, #else and #endif that do not pair",
    SYNTAX: "text that does not fit the grammar",
    TOO_DEEP: "text that is nested too deeply",
    AFTER_TRANSITION: "a statement after the transition of a parser state",
    APPLY_BLOCKS: "a control without an apply block, or with several",
    USELESS_CONST: "a const that has no meaning",
    ANNOTATION_FORM: "an annotation whose body is not of the form its meaning needs",
}

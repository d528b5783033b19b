/* The P4_16 core library: what every architecture has.
 * Source: P4_16 language specification 1.2.5, "P4 core library". */

#ifndef _CORE_P4_
#define _CORE_P4_

error {
    NoError,
    PacketTooShort,         // extract, advance or lookahead beyond the packet's end
    NoMatch,                // no case of a select matched
    StackOutOfBounds,       // extract into a full header stack
    HeaderTooShort,         // more bits than a varbit field can hold
    ParserTimeout,          // the parser took more steps than the target allows
    ParserInvalidArgument   // an argument that the operation does not support
}

extern packet_in {
    // Reads a header of fixed size and makes it valid.
    void extract<T>(out T hdr);
    // Reads a header with one varbit field, to which it gives this many bits.
    void extract<T>(out T variableSizeHeader, in bit<32> variableFieldSizeInBits);
    // Reads without moving on.
    T lookahead<T>();
    void advance(in bit<32> sizeInBits);
    // Bytes in the whole packet; not every target knows.
    bit<32> length();
}

extern packet_out {
    // Appends a header, if it is valid, or all headers of a stack, union or struct.
    void emit<T>(in T hdr);
}

// In a parser: if the check fails, goes to reject with this error.
extern void verify(in bool check, in error toSignal);

@noWarn("unused")
action NoAction() {}

match_kind {
    exact,
    ternary,
    lpm
}

// Checked while compiling; true if it holds, else the program is refused.
extern bool static_assert(bool check, string message);
extern bool static_assert(bool check);

#endif

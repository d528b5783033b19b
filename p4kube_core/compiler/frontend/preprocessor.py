"""Directives and macros: from a source file and what it includes to one list of tokens.

Every token keeps its place in the file that it was written in; what a macro expands to stands at
the macro's call.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, final

from p4kube_core.compiler.frontend import conditions, files, lexer, macros, syntax_codes
from p4kube_core.compiler.frontend.diagnostics import Diagnostics, did_you_mean
from p4kube_core.compiler.frontend.lexer import Token
from p4kube_core.compiler.frontend.source import LineMarker, Source, Span

MAX_INCLUDE_DEPTH: Final = 64
MAX_TEXT: Final = 32 * 1024 * 1024  # characters of all files together, repeated ones counted again

_LOGICAL_LINE: Final = re.compile(
    r'(?:\\\r?\n|/\*.*?\*/|//(?:\\\r?\n|[^\n])*|"(?:[^"\\\n]|\\.)*"|[^\n])*', re.DOTALL
)
_INCLUDE: Final = re.compile(r'\s*(?:"([^"\n]*)"|<([^>\n]*)>)')
_WORD: Final = re.compile(r"[ \t]*([A-Za-z_]\w*)?")


@final
@dataclass(slots=True)
class _Branch:
    """One #if ... #endif that is open."""

    span: Span
    live: bool  # what stands here is read
    parent_live: bool
    taken: bool  # one of its branches was live
    has_else: bool = False


@final
@dataclass(slots=True)
class _File:
    """A file being read."""

    source: Source
    path: Path | None
    branches: list[_Branch] = field(default_factory=list)

    @property
    def live(self) -> bool:
        return not self.branches or self.branches[-1].live


@final
@dataclass(frozen=True, slots=True)
class _Line:
    """A directive: the span of its word, and where what follows that starts and ends."""

    file: _File
    span: Span
    start: int
    end: int

    @property
    def text(self) -> str:
        return self.file.source.text[self.start : self.end]


def preprocess(
    source: Source,
    path: Path | None,
    include_dirs: Iterable[Path],
    defines: Mapping[str, str],
    diagnostics: Diagnostics,
    confined: bool = False,
) -> list[Token]:
    """All tokens of a program, an end token last.

    Args:
        path: where the source was read from, None if it is no file; its includes begin there.
        defines: name to replacement text, as -D gives them.
        confined: read nothing but the program's folder, the include folders and our own files.
    """
    folders = tuple(include_dirs)
    allowed = (*folders, *([path.parent] if path else ())) if confined else None
    preprocessor = _Preprocessor(files.Finder(folders, allowed), diagnostics)
    for name, text in defines.items():
        preprocessor.define_from_command_line(name, text)
    try:
        preprocessor.read(_File(source, path))
    except macros.TooManyTokens:
        message = f"program has more than {macros.MAX_TOKENS} tokens after macro expansion"
        diagnostics.error(syntax_codes.TOO_LARGE, message, None)
    end = len(source.text)
    preprocessor.output.append(Token(lexer.END, "", source, end, end))
    return preprocessor.output


@final
class _Preprocessor:
    def __init__(self, finder: files.Finder, diagnostics: Diagnostics) -> None:
        self.finder = finder
        self.diagnostics = diagnostics
        self.macros = macros.Macros(diagnostics)
        self.output: list[Token] = []
        self.run: list[Token] = []  # tokens since the last directive, not yet expanded
        self.depth = 0
        self.text_size = 0
        self.once: set[Path] = set()

    def define_from_command_line(self, name: str, text: str) -> None:
        line = f"{name} {text}" if "(" not in name else f"{name}{text}"
        source = Source("<command line>", line)
        tokens = lexer.tokens_between(source, 0, len(line), self.diagnostics)
        where = Span(source, 0, len(line))
        macro = macros.parse_definition(tokens, self.diagnostics, where)
        if macro:
            self.macros.defined[macro.name] = macro

    def read(self, file: _File) -> None:
        """Append a file's tokens to the output, those of its includes among them."""
        source = file.source
        text = source.text
        self.text_size += len(text)
        if self.text_size > MAX_TEXT:
            raise macros.TooManyTokens
        position = 0
        match_token = lexer.match_token
        keywords = lexer.KEYWORDS
        while True:
            match = match_token(text, position)
            assert match is not None
            group = match.lastindex
            word = match[group] if group else ""
            position = match.end()
            start = position - len(word)
            if group == lexer.OPERATOR_GROUP:
                if word[0] == "#" and _begins_line(text, start):
                    self.flush()
                    position = self.directive(file, start)
                    continue
                kind = word
            elif group == lexer.WORD_GROUP:
                kind = word if word in keywords else lexer.kind_of_word(word)
            elif group == lexer.NUMBER_GROUP:
                kind = lexer.INTEGER
            elif group == lexer.STRING_GROUP:
                kind = lexer.STRING
            elif not word:
                break
            else:
                report_to = self.diagnostics if file.live else None
                position = lexer.report_stray(source, start, len(text), report_to)
                kind = lexer.OTHER
                word = text[start:position]
            if not file.branches or file.branches[-1].live:
                self.run.append(Token(kind, word, source, start, position))
                if len(self.run) > macros.MAX_TOKENS:
                    raise macros.TooManyTokens
        self.flush()
        for branch in file.branches:
            self.diagnostics.error(
                syntax_codes.CONDITIONALS, "conditional has no #endif", branch.span
            )

    def flush(self) -> None:
        """Expand the tokens read since the last directive and hand them on."""
        if self.run:
            self.output.extend(self.macros.expand(self.run))
            self.run.clear()
            if len(self.output) > macros.MAX_TOKENS:
                raise macros.TooManyTokens

    def directive(self, file: _File, start: int) -> int:
        """Obey the directive whose # is at `start`; return the offset of its line's end."""
        text = file.source.text
        match = _LOGICAL_LINE.match(text, start)
        assert match is not None
        end = match.end()
        word = _WORD.match(text, start + 1, end)
        assert word is not None
        name = word[1] or ""
        span = Span(file.source, start, word.end() if name else min(end, start + 1))
        body_start = word.end()
        handler = _CONDITIONALS.get(name)
        if handler is not None:
            handler(self, _Line(file, span, body_start, end))
        elif file.live:
            other = _DIRECTIVES.get(name)
            if other is not None:
                other(self, _Line(file, span, body_start, end))
            elif not name:
                self.line_marker(_Line(file, span, body_start, end))
            else:
                known = (*_CONDITIONALS, *_DIRECTIVES)
                message = f"no directive #{name}"
                self.diagnostics.error(
                    syntax_codes.UNKNOWN_DIRECTIVE, message, span, did_you_mean(name, known)
                )
        return end

    def tokens(self, line: _Line) -> list[Token]:
        return lexer.tokens_between(line.file.source, line.start, line.end, self.diagnostics)

    # --- conditionals

    def if_(self, line: _Line) -> None:
        parent = line.file.live
        value = parent and self.condition(line)
        line.file.branches.append(_Branch(line.span, value, parent, value))

    def ifdef(self, line: _Line) -> None:
        self.if_defined(line, True)

    def ifndef(self, line: _Line) -> None:
        self.if_defined(line, False)

    def if_defined(self, line: _Line, wanted: bool) -> None:
        parent = line.file.live
        value = False
        if parent:
            tokens = self.tokens(line)
            if not tokens or not tokens[0].text.isidentifier():
                self.diagnostics.error(
                    syntax_codes.BAD_DIRECTIVE, f"{line.span.text} needs a name", line.span
                )
            else:
                value = (tokens[0].text in self.macros.defined) == wanted
        line.file.branches.append(_Branch(line.span, value, parent, value))

    def elif_(self, line: _Line) -> None:
        branch = self.open_branch(line)
        if branch is None:
            return
        # The condition is not looked at once a branch was taken: it need not make sense then.
        undecided = branch.parent_live and not branch.taken
        branch.live = undecided and self.condition(line)
        branch.taken = branch.taken or branch.live

    def else_(self, line: _Line) -> None:
        branch = self.open_branch(line)
        if branch is not None:
            branch.live = branch.parent_live and not branch.taken
            branch.taken = True
            branch.has_else = True

    def endif(self, line: _Line) -> None:
        if line.file.branches:
            line.file.branches.pop()
        else:
            self.diagnostics.error(syntax_codes.CONDITIONALS, "#endif without #if", line.span)

    def open_branch(self, line: _Line) -> _Branch | None:
        if line.file.branches and not line.file.branches[-1].has_else:
            return line.file.branches[-1]
        before = "after #else" if line.file.branches else "without #if"
        self.diagnostics.error(syntax_codes.CONDITIONALS, f"{line.span.text} {before}", line.span)
        return None

    def condition(self, line: _Line) -> bool:
        tokens = self.tokens(line)
        try:
            expanded = self.macros.expand(self.replace_defined(tokens))
            return conditions.value_of(expanded, line.span) != 0
        except conditions.ConditionError as e:
            self.diagnostics.error(syntax_codes.BAD_DIRECTIVE, str(e), e.span)
            return False

    def replace_defined(self, tokens: list[Token]) -> list[Token]:
        """Turn `defined X` and `defined(X)` into 1 or 0, before macros are expanded."""
        output: list[Token] = []
        i = 0
        while i < len(tokens):
            token = tokens[i]
            i += 1
            if token.text != "defined":
                output.append(token)
                continue
            bracketed = i < len(tokens) and tokens[i].kind == "("
            at = i + bracketed
            if at >= len(tokens) or not tokens[at].text.isidentifier():
                raise conditions.ConditionError("'defined' needs a name", token.span)
            value = "1" if tokens[at].text in self.macros.defined else "0"
            output.append(Token(lexer.INTEGER, value, token.source, token.start, token.end))
            i = at + 1
            if bracketed:
                if i >= len(tokens) or tokens[i].kind != ")":
                    raise conditions.ConditionError("')' wanted after 'defined'", token.span)
                i += 1
        return output

    # --- the others

    def define(self, line: _Line) -> None:
        # Stray characters are an error where the macro is used, if it is.
        tokens = lexer.tokens_between(line.file.source, line.start, line.end, None)
        macro = macros.parse_definition(tokens, self.diagnostics, line.span)
        if macro is None:
            return
        old = self.macros.defined.get(macro.name)
        if old is not None and not old.same_as(macro):
            hint = f"it was defined at {old.span}" if old.span else None
            message = f"macro {macro.name!r} is defined anew"
            self.diagnostics.warn(syntax_codes.REDEFINED, message, macro.span, hint)
        self.macros.defined[macro.name] = macro

    def undef(self, line: _Line) -> None:
        tokens = self.tokens(line)
        if not tokens or not tokens[0].text.isidentifier():
            self.diagnostics.error(syntax_codes.BAD_DIRECTIVE, "#undef needs a name", line.span)
        else:
            self.macros.defined.pop(tokens[0].text, None)

    def include(self, line: _Line) -> None:
        text = line.text
        match = _INCLUDE.match(text)
        where = line.span
        if match is None:
            expanded = self.macros.expand(self.tokens(line))
            match = _INCLUDE.match("".join(t.text for t in expanded))
        else:
            first = line.start + len(text) - len(text.lstrip())
            where = Span(line.file.source, first, line.start + match.end())
        if match is None:
            self.diagnostics.error(
                syntax_codes.NO_FILE, 'file wanted after #include: "x" or <x>', line.span
            )
            return
        if self.depth >= MAX_INCLUDE_DEPTH:
            message = f"includes are nested more than {MAX_INCLUDE_DEPTH} deep"
            self.diagnostics.error(syntax_codes.INCLUDE_DEPTH, message, where)
            return
        found = self.finder.find(
            match[1] or match[2] or "", line.file.path if match[2] is None else None
        )
        if isinstance(found, str):
            self.diagnostics.error(syntax_codes.NO_FILE, found, where)
        elif found.path not in self.once:
            self.depth += 1
            self.read(_File(found.source, found.path))
            self.depth -= 1

    def error(self, line: _Line) -> None:
        self.diagnostics.error(syntax_codes.TOLD, _message(line), line.span)

    def warning(self, line: _Line) -> None:
        self.diagnostics.warn(syntax_codes.TOLD, _message(line), line.span)

    def pragma(self, line: _Line) -> None:
        if line.text.strip() == "once" and line.file.path is not None:
            self.once.add(line.file.path)

    def line(self, line: _Line) -> None:
        tokens = self.macros.expand(self.tokens(line))
        if not tokens or not tokens[0].text.isdecimal() or len(tokens[0].text) > 9:
            self.diagnostics.error(
                syntax_codes.BAD_DIRECTIVE, "#line needs a line number", line.span
            )
            return
        named = len(tokens) > 1 and tokens[1].kind == lexer.STRING
        name = tokens[1].text[1:-1] if named else line.file.source.presumed_place(line.start)[0]
        line.file.source.markers.append(LineMarker(line.end + 1, int(tokens[0].text), name))

    def line_marker(self, line: _Line) -> None:
        """`# 12 "file"`, as preprocessors write it; a lone # is nothing."""
        if line.text.strip():
            self.line(line)


_Handler = Callable[[_Preprocessor, _Line], None]
_CONDITIONALS: Final[Mapping[str, _Handler]] = {
    "if": _Preprocessor.if_,
    "ifdef": _Preprocessor.ifdef,
    "ifndef": _Preprocessor.ifndef,
    "elif": _Preprocessor.elif_,
    "else": _Preprocessor.else_,
    "endif": _Preprocessor.endif,
}
_DIRECTIVES: Final[Mapping[str, _Handler]] = {
    "define": _Preprocessor.define,
    "undef": _Preprocessor.undef,
    "include": _Preprocessor.include,
    "error": _Preprocessor.error,
    "warning": _Preprocessor.warning,
    "pragma": _Preprocessor.pragma,
    "line": _Preprocessor.line,
}


def _begins_line(text: str, offset: int) -> bool:
    """Is there nothing before it on its line?"""
    line_start = text.rfind("\n", 0, offset) + 1
    return not text[line_start:offset].strip()


def _message(line: _Line) -> str:
    return line.text.strip() or line.span.text

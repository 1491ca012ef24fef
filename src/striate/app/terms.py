"""Words that ``striate explain`` knows and that no class stands for: letters, signs and terms."""

from __future__ import annotations

LETTERS = {
    "F": "the size of a filter: CONV3-64 has F=3; F=5x3 is 5 wide and 3 high",
    "S": "the stride: by how many pixels the filter moves",
    "P": "zero-padding: rows and columns of zeros around the volume. P=(F-1)/2 keeps the size at "
    "S=1, and is what CONV takes if nothing is said",
    "K": "the number of filters, the depth of the output; in a pattern, how many times FC -> RELU",
    "W": "the width (or height) of the volume. An output has (W - F + 2P)/S + 1 pixels along each "
    "axis, and this must be whole",
    "N": "in a pattern, how many times CONV -> RELU before a POOL: [[CONV -> RELU]*N -> POOL?]*M",
    "M": "in a pattern, how many times [CONV -> RELU]*N -> POOL?",
    "MAC": "one multiply-add; one MAC is 2 FLOP",
}
SIGNS = {
    "[ ]*N": "layers in brackets, N times over: [CONV3-16 -> RELU]*2. N is a number or a variable, "
    "and brackets may stand in brackets",
    "{ | }": "branches that SUM or CONCAT joins: CONCAT{ CONV1-8 | CONV3-8 -> RELU }. Each branch "
    "starts from the volume in front of the joining layer",
    "SKIP": "a branch without layers: what comes in goes on as it is. "
    "SUM{ CONV3-16 -> RELU -> CONV3-16 | SKIP } is a residual block",
    "POOL?": "a layer that a variable decides about, called like it in lower case: pool=no leaves "
    "every POOL? out, and without a word it stays",
    "name:": "a name for a layer: stem: CONV7-64. The table, errors and net.weights['stem'] then "
    "use it; other layers are called by keyword and number, such as conv1",
}
TERMS = {
    "fit": "an option of CONV, POOL and LOCAL: what happens where (W - F + 2P)/S + 1 is not whole. "
    "exact is an error, floor crops the last rows and columns of the input, ceil pads more behind "
    "them: POOL3 S=2 fit=floor",
    "view": "the receptive field, a column of striate table: how many pixels of the image one "
    "activation sees, how many pixels lie between neighbours, and the centre of the first",
}
ALIASES = {
    **dict.fromkeys(("[", "]", "[]", "*", "*n", "[]*n"), "[ ]*N"),
    **dict.fromkeys(("{", "|", "}", "{}", "{|}"), "{ | }"),
    **dict.fromkeys((":", "name", "names", "name:layer"), "name:"),
    **dict.fromkeys(("?", "pool?"), "POOL?"),
    **{name.lower(): name for name in (*LETTERS, "SKIP", "name:", *TERMS)},
}
"""The words by what may be asked for, in lower case and without spaces."""


def term(word: str) -> tuple[str, str] | None:
    """A word and its explanation, in any case; ``RELU?`` is what is told at ``POOL?``."""
    asked = "".join(word.split()).lower()
    name = ALIASES.get(asked, "POOL?" if asked[:-1].isalpha() and asked.endswith("?") else "")
    texts = LETTERS | SIGNS | TERMS
    return (name, texts[name]) if name else None

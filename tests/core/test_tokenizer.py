import string
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgfind.core.encode import torch_runtime
from imgfind.core.encode.tokenizer import Tokenizer
from imgfind.core.errors import ModelError
from imgfind.core.models import find_model

ODD = [
    "", " ", "a dog", "  two \t words\r\n", "&amp;", "&amp;amp;lt;b&gt;", "&#8217;", "black & white", "&notanentity;",
    "<b>bold</b>", "<start_of_text> a <END_OF_TEXT>", "it's we'LL I'm", "na\xefve \u0130stanbul stra\xdfe \u017f",
    "\u65e5\u672c\u8a9e", "\u0645\u0631\u062d\u0628\u0627", "\u0939\u093f\u0928\u094d\u0926\u0940", "\U0001f415",
    "\U0001f469\u200d\U0001f467 \u200d", "\xe2\u20ac\u2122 \xc3\xa9", "\u2019quoted\u201c", "\ufb01ne \uff57",
    "e\u0301 \u0301", "\xbd \u2167 \xb2 12345", "\x00\x1b[31mred\x7f\ufeff", "\u2028 \x85 \xa0 \x1c", "\ud83d",
    "snake_case, under_score!", "word " * 100, "x" * 500,
]  # fmt: skip


@pytest.fixture(scope="module")
def open_clip() -> ModuleType:
    torch_runtime.import_open_clip()
    import open_clip

    return open_clip


def tokens_of(tokenize: object, text: str) -> object:
    """Return the tokens, or the kind of error."""
    assert callable(tokenize)
    try:
        return np.asarray(tokenize([text])).tolist()
    except UnicodeEncodeError:
        return UnicodeEncodeError


@pytest.mark.parametrize("clean", ["lower", "whitespace", "canonicalize"])
@pytest.mark.parametrize("own_merges", [True, False])
def test_tokens_equal_those_of_open_clip(open_clip: ModuleType, clean: str, own_merges: bool) -> None:
    merges = find_model("starter").merges if own_merges else None
    ours = Tokenizer("any", merges, {"tokenizer_kwargs": {"clean": clean}}, 24)
    theirs = open_clip.SimpleTokenizer(context_length=24, clean=clean, **({"bpe_path": str(merges)} if merges else {}))

    # Ran longer once: 20,000 texts of each kind, none differed.
    @settings(deadline=None, max_examples=300)
    @given(
        st.one_of(
            st.sampled_from(ODD),
            st.text(),
            st.text(string.printable),
            st.lists(st.one_of(st.sampled_from(ODD), st.text(max_size=5)), max_size=12).map("".join),
        )
    )
    def compare(text: str) -> None:
        assert tokens_of(ours, text) == tokens_of(theirs, text)

    compare()
    for text in ODD:
        assert tokens_of(ours, text) == tokens_of(theirs, text), text


def test_texts_are_cut_off_at_the_context_length_and_padded_below_it() -> None:
    tokenize = torch_runtime.tokenizer(find_model("starter"))

    rows = tokenize(["dog " * 100, "dog"])

    assert rows.shape == (2, 24)
    assert rows[0, -1] == rows[1].max()
    assert rows[1, 3:].tolist() == [0] * 21


def test_a_setting_that_is_not_known_is_refused_instead_of_ignored() -> None:
    with pytest.raises(ModelError, match="reduction_mask"):
        Tokenizer("odd", None, {"tokenizer_kwargs": {"reduction_mask": "syntax"}}, 77)

"""The query language: what is understood, what is refused and where, and that printing and reading are inverse."""

import unicodedata
from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from imgfind.core import filters
from imgfind.core.errors import QueryError
from imgfind.core.filters import DateFilter, NumberFilter, WordFilter
from imgfind.core.query import MAX_QUERY_CHARS, ImageTerm, Query, Region, TextTerm, parse, pointer, unparse


def terms(text):
    return parse(text).terms


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("dog", (TextTerm("dog"),)),
        ("dog at the sea", (TextTerm("dog at the sea"),)),
        ("  dog \t at\nthe\u3000sea ", (TextTerm("dog at the sea"),)),
        ("dog at the sea + sunset - people", (TextTerm("dog at the sea"), TextTerm("sunset"), TextTerm("people", -1))),
        ("dog -cat", (TextTerm("dog"), TextTerm("cat", -1))),
        ("dog - cat", (TextTerm("dog"), TextTerm("cat", -1))),
        ("+dog", (TextTerm("dog"),)),
        ("- cat + dog", (TextTerm("cat", -1), TextTerm("dog"))),
        ("black-and-white t-shirt a+b c++", (TextTerm("black-and-white t-shirt a+b c++"),)),
        ("dog, with ball!", (TextTerm("dog, with ball!"),)),
    ],
)
def test_signs_split_a_query_into_terms(text, expected):
    assert terms(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2*dog", (TextTerm("dog", 2),)),
        ('0.5*"red car"', (TextTerm("red car", 0.5),)),
        ("dog -.5*cat", (TextTerm("dog"), TextTerm("cat", -0.5))),
        ("dog - 2.*cat at sea", (TextTerm("dog"), TextTerm("cat at sea", -2))),
        ("100*image:a.jpg", (ImageTerm("a.jpg", 100),)),
        ("2*dog 3*cat", (TextTerm("dog", 2), TextTerm("cat", 3))),
        ("dog 2*cat", (TextTerm("dog"), TextTerm("cat", 2))),
        ("2**dog", (TextTerm("*dog", 2),)),
        ("2*3 dogs", (TextTerm("3 dogs", 2),)),
        ("4x4*jeep a*b", (TextTerm("4x4*jeep a*b"),)),
    ],
)
def test_a_weight_belongs_to_the_term_it_touches(text, expected):
    assert terms(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("image:a.jpg", (ImageTerm("a.jpg"),)),
        ("Image:a.jpg", (ImageTerm("a.jpg"),)),
        ("image:a.jpg red", (ImageTerm("a.jpg"), TextTerm("red"))),
        ("red image:a.jpg", (TextTerm("red"), ImageTerm("a.jpg"))),
        ("image:a.jpg image:b.jpg", (ImageTerm("a.jpg"), ImageTerm("b.jpg"))),
        ("image:a.jpg - image:b.jpg", (ImageTerm("a.jpg"), ImageTerm("b.jpg", -1))),
        ('image:"my pic.jpg" red', (ImageTerm("my pic.jpg"), TextTerm("red"))),
        (r"image:C:\new\x.jpg", (ImageTerm(r"C:\new\x.jpg"),)),
        (r'image:"C:\new\pic.jpg"', (ImageTerm(r"C:\new\pic.jpg"),)),
        (r'image:"\\server\my share\x.jpg"', (ImageTerm(r"\\server\my share\x.jpg"),)),
        ('image:5"x7".jpg', (ImageTerm('5"x7".jpg'),)),
        ("image[0,25,50.5,100]:a.jpg", (ImageTerm("a.jpg", 1, Region(0, 25, 50.5, 100)),)),
        (
            'dog -2*Image[.5,0,1,2]:"a b.jpg" sea',
            (TextTerm("dog"), ImageTerm("a b.jpg", -2, Region(0.5, 0, 1, 2)), TextTerm("sea")),
        ),
        ("image a[0,0,1,1]:b.jpg", (TextTerm("image a[0,0,1,1]:b.jpg"),)),
        ('"image[0,0,1,1]:b.jpg"', (TextTerm("image[0,0,1,1]:b.jpg"),)),
    ],
)
def test_image_terms_stand_for_themselves(text, expected):
    assert terms(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('"- 2*3"', "- 2*3"),
        ('"red  car"', "red  car"),
        ('a "red car" b', "a red car b"),
        ('"date:2021" x', "date:2021 x"),
        ('"image:a.jpg"', "image:a.jpg"),
        (r'"say \"cheese\""', 'say "cheese"'),
        ('12" vinyl don"t', '12" vinyl don"t'),
        (r'"a\b\\c"', r"a\b\\c"),
        (r'"ends in \\"', "ends in \\"),
        (r'"\\\"x"', r"\"x"),
    ],
)
def test_quotations_are_literal(text, expected):
    assert terms(text) == (TextTerm(expected),)


@pytest.mark.parametrize("text", ["note: buy", "12:30", "http://x/y", "dog inn: sea", "c:"])
def test_other_colons_are_plain(text):
    assert terms(text) == (TextTerm(text),)


@pytest.mark.parametrize(
    ("text", "position", "why"),
    [
        ("", 0, "empty"),
        (" \n ", 0, "empty"),
        ("+", 0, "nothing follows the '\\+'"),
        ("dog - ", 4, "nothing follows the '-'"),
        ("dog + - cat", 6, "two operators"),
        ("--cat", 1, "two operators"),
        ('dog "red car', 4, "never closed"),
        ('"red car\\"', 0, "never closed"),
        ('dog ""', 4, "nothing between"),
        ('dog " "', 4, "nothing between"),
        ('"red"car', 5, "space is missing"),
        ("image:", 0, "without a space"),
        ("red image: a.jpg", 4, "without a space"),
        ('image:""', 6, "nothing between"),
        ('image:"a b.jpg"x', 15, "space is missing"),
        *(
            (f"dog image[{region}:a.jpg", 4, "left, top, right and bottom in per cent")
            for region in (
                "",
                "]",
                "1,2,3]",
                "1,2,3,4,5]",
                "50,0,50,9]",
                "0,9,9,1]",
                "0,0,9,100.1]",
                "0,-1,9,9]",
                "0, 0, 9, 9]",
                "a,b,c,d]",
                "0,0,1.2.3,9]",
                "0,0,1,1",
                "0,0,.,9]",
                "0,0,9e1,9]",
            )
        ),
        ("image[0,0,1,1]: a.jpg", 0, "without a space"),
        ("0*dog", 0, "above 0 and at most 100"),
        ("dog + 101*cat", 6, "above 0 and at most 100"),
        ("1e9*x", 0, "above 0 and at most 100"),
        ("1,5*x", 0, "above 0 and at most 100"),
        ("9" * 400 + "*x", 0, "above 0 and at most 100"),
        ("0." + "0" * 400 + "1*x", 0, "above 0 and at most 100"),
        ("-1*", 1, "follow the weight without a space"),
        ("2* dog", 0, "follow the weight without a space"),
        ("2*-dog", 2, "before the weight"),
        ("2*3*dog", 2, "one weight"),
        ("- people", 0, "every term has a minus"),
        (" -people -image:a.jpg", 1, "every term has a minus"),
        ("dog near:Paris", 4, "the filter 'near:' is not built yet"),
        ("-Concept:boat", 1, "the filter 'concept:' is not built yet"),
        ("2*in:x", 2, "a filter has no weight"),
        ("dog date: 2021", 4, "without a space, as in date:2021-05"),
        ("- Type:", 2, "'type:' without a space"),
        ('in:""', 3, "nothing between"),
        ('in:"a"b', 6, "space is missing"),
        ("- people date:2021", 0, "every term has a minus"),
        ("date:2021 - people", 10, "every term has a minus"),
        ("dog date:05/2021", 9, "a date is a year, a month or a day"),
        ("dog -size:big", 10, "a size is a number"),
        ("dog type:photo", 9, "'type:' knows jpeg, heic"),
        ("is:nice", 3, "'is:' knows favourite, hidden"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_place(text, position, why):
    with pytest.raises(QueryError, match=why) as caught:
        parse(text)
    assert caught.value.position == position
    assert caught.value.text == text
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize("name", ["near", "concept"])
def test_names_of_later_filters_are_kept_free(name):
    with pytest.raises(QueryError, match=f"'{name}:'"):
        parse(f"dog {name}:x")
    assert terms(f'dog "{name}:x" {name} my{name}:x') == (TextTerm(f"dog {name}:x {name} my{name}:x"),)


FOLDER = WordFilter("in", "my pictures")
MAY = DateFilter("2021-05", "2021-05")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("date:2021-05", Query((), (MAY,))),
        ("DATE:2021-05", Query((), (MAY,))),
        ("+ date:2021-05", Query((), (MAY,))),
        ('in:"my pictures" date:2021-05', Query((), (FOLDER, MAY))),
        ("dog date:2021-05 at the sea", Query((TextTerm("dog at the sea"),), (MAY,))),
        ('date:2021-05 dog in:"my pictures" + sea', Query((TextTerm("dog"), TextTerm("sea")), (MAY, FOLDER))),
        ("image:a.jpg date:2021-05 red", Query((ImageTerm("a.jpg"), TextTerm("red")), (MAY,))),
        ("dog -date:2021-05", Query((TextTerm("dog"),), (DateFilter("2021-05", "2021-05", excluded=True),))),
        ("dog - date:2021-05", Query((TextTerm("dog"),), (DateFilter("2021-05", "2021-05", excluded=True),))),
        ("dog -date:2021-05 - cat", Query((TextTerm("dog"), TextTerm("cat", -1)), (replace(MAY, excluded=True),))),
        (r'in:"C:\my pictures"', Query((), (WordFilter("in", r"C:\my pictures"),))),
        ('in:5"x7" dog', Query((TextTerm("dog"),), (WordFilter("in", '5"x7"'),))),
    ],
)
def test_filters_stand_anywhere_and_leave_the_words_together(text, expected):
    assert parse(text) == expected


def test_names_of_filters_are_words_within_quotes_and_within_words():
    assert terms('dog "date:2021" mydate:2021 date') == (TextTerm("dog date:2021 mydate:2021 date"),)


def test_the_place_is_counted_from_one_in_the_message():
    with pytest.raises(QueryError, match="character 5 of the query"):
        parse("dog - ")


def test_a_query_has_a_longest_length():
    assert terms("x" * MAX_QUERY_CHARS) == (TextTerm("x" * MAX_QUERY_CHARS),)
    with pytest.raises(QueryError, match="10,001 characters"):
        parse("x" * (MAX_QUERY_CHARS + 1))


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("  dog   at sea  +sunset -people", "dog at sea + sunset - people"),
        ("-cat dog +x", "- cat dog + x"),
        ("+dog", "dog"),
        ('"dog" "at sea"', "dog at sea"),
        ("red image:a.jpg blue", "red + image:a.jpg + blue"),
        ("2.50*dog 100*cat .000001*x 1*y", "2.5*dog + 100*cat + 0.000001*x + y"),
        ('a "- b"', '"a - b"'),
        (r'image:"C:\new\pic.jpg"', r"image:C:\new\pic.jpg"),
        ("date:>=2021 dog -in:x - cat", "dog - cat date:2021.. -in:x"),
        ('camera:"Canon EOS" size:2000000 size:>1500', 'camera:"Canon EOS" size:2MB size:1501..'),
        ('image:"my pic.jpg"', 'image:"my pic.jpg"'),
        ("image[00,25.0,.5,100.]:a.jpg", "image[0,25,0.5,100]:a.jpg"),
        ('"image[0"', '"image[0"'),
    ],
)
def test_printing_normalises(text, printed):
    assert unparse(parse(text)) == printed


# Every character there is, lone surrogates included, and plenty of those with a meaning.
FRAGMENTS = st.one_of(
    st.sampled_from(
        [
            "+",
            "-",
            "*",
            '"',
            "\\",
            " ",
            "\n",
            "2*",
            "0.5*",
            "image:",
            "image[0,0,50,",
            "25]:",
            "date:",
            "size:>",
            "in:",
            "2021",
            "..",
            "dog",
            "ſize:",
            "\x85",
            "9",
        ]
    ),
    st.text(st.characters(exclude_categories=()), max_size=3),
    st.characters(categories=["Cs"]),
)
ANY_TEXT = st.lists(FRAGMENTS, max_size=12).map("".join)
NOT_BLANK = ANY_TEXT.filter(str.strip)
WEIGHTS = st.floats(0, 100, exclude_min=True)
SIGNED = st.builds(lambda sign, weight: sign * weight, st.sampled_from([1, -1]), WEIGHTS | st.just(1.0))
EDGES = st.lists(st.floats(0, 100), min_size=2, max_size=2, unique=True).map(sorted)
REGIONS = st.builds(lambda x, y: Region(x[0], y[0], x[1], y[1]), EDGES, EDGES)
TERMS = st.builds(TextTerm, NOT_BLANK, SIGNED) | st.builds(ImageTerm, NOT_BLANK, SIGNED, st.none() | REGIONS)
SOME_TERMS = st.lists(TERMS, min_size=1, max_size=5).filter(lambda some: any(term.weight > 0 for term in some))
WORD_FILTERS = st.one_of(
    st.tuples(st.sampled_from(["in", "camera", "lens"]), NOT_BLANK),
    st.tuples(st.just("type"), st.sampled_from(list(filters.TYPES))),
    st.tuples(st.just("orientation"), st.sampled_from(filters.ORIENTATIONS)),
    st.tuples(st.just("is"), st.sampled_from(filters.STATES)),
)
DATES = st.dates().flatmap(lambda day: st.sampled_from([day.isoformat()[:length] for length in (4, 7, 10)]))
NUMBERS = st.integers(0, 10**15)


def ranges(bounds):
    """Return pairs of bounds in order, of which one may be missing."""
    both = st.tuples(bounds, bounds).map(lambda two: tuple(sorted(two)))
    return both | st.tuples(bounds, st.none()) | st.tuples(st.none(), bounds)


FILTERS = st.one_of(
    st.builds(lambda word, excluded: WordFilter(*word, excluded), WORD_FILTERS, st.booleans()),
    st.builds(lambda dates, excluded: DateFilter(*dates, excluded), ranges(DATES), st.booleans()),
    st.builds(
        lambda name, numbers, excluded: NumberFilter(name, *numbers, excluded),
        st.sampled_from(["size", "width", "height"]),
        ranges(NUMBERS),
        st.booleans(),
    ),
)
SOME_FILTERS = st.lists(FILTERS, max_size=4)
QUERIES = st.builds(lambda terms, some: Query(tuple(terms), tuple(some)), SOME_TERMS, SOME_FILTERS) | st.builds(
    lambda some: Query((), tuple(some)), st.lists(FILTERS, min_size=1, max_size=4)
)


@given(QUERIES)
@example(Query((TextTerm("\\"), ImageTerm('a \\\\"b\\'), TextTerm(' "', -5e-324))))
@settings(deadline=None)
def test_reading_what_was_printed_gives_the_same_query(query):
    assert parse(unparse(query)) == query


def parsed_or_error(text):
    try:
        return parse(text)
    except QueryError as error:
        return error


@given(ANY_TEXT)
@settings(deadline=None)
def test_any_text_is_read_or_refused_in_one_sentence(text):
    outcome = parsed_or_error(text)
    if isinstance(outcome, Query):
        assert parse(unparse(outcome)) == outcome
        return
    assert 0 <= outcome.position <= len(text)
    assert str(outcome).isprintable()
    shown, caret = pointer(outcome).split("\n")
    assert caret.strip(" ") == "^"
    assert not any(unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp") for char in shown)


def test_a_long_run_of_backslashes_is_read_back():
    query = Query((TextTerm("\\" * 3000 + " - " + "\\" * 2000),))
    assert parse(unparse(query)) == query


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("dog - ", "dog - \n    ^"),
        ("日本é\n - - x", "日本é\\x0a - - x\n" + " " * 12 + "^"),
        ("e\u0301 + + x", "e\u0301 + + x\n    ^"),
        ("", "\n^"),
        ("x" * 100 + " - - " + "y" * 100, "…" + "x" * 37 + " - - " + "y" * 28 + "…\n" + " " * 41 + "^"),
    ],
)
def test_the_pointer_stands_below_the_mistake(text, expected):
    with pytest.raises(QueryError) as caught:
        parse(text)
    assert pointer(caught.value) == expected

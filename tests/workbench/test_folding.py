import pytest

from workbench.folding import fold


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Siemens  lifts\n outlook", "siemens lifts outlook"),
        ("“Siemens” lifts_outlook!", " siemens lifts outlook "),
        ("Ｓｔｒａße №１", "strasse no1"),
        ("—", " "),
        ("", ""),
    ],
)
def test_case_marks_spacing_and_forms_make_no_difference(text: str, folded: str) -> None:
    assert fold(text) == folded

"""Tables as text."""

from ptychograd.core.table import text_table


def test_columns_stand_one_below_the_other():
    """As wide as their widest cell, name or not, two spaces apart, with nothing at the end of a line."""
    rows = [("ePIE", "0.02", "as paper"), ("forward model", "1", "")]
    assert text_table(("", "object error", "note"), rows) == [
        "               object error  note",
        "-------------  ------------  --------",
        "ePIE           0.02          as paper",
        "forward model  1",
    ]


def test_a_table_without_rows_is_its_head():
    assert text_table(("a", "name"), []) == ["a  name", "-  ----"]

import pytest

from sinddm_toolkit.pictures.sizes import Length, Point


def test_lengths():
    assert Length.parse("25%").of(80) == 20
    assert Length.of_value(12).of(80) == 12
    assert str(Length.parse("12.5%")) == "12.5%"
    for text in ("12345678", "0.1234567%", "0.00000012345"):  # a record holds all digits
        assert str(Length.parse(text)) == text
    for text in ("much", "-3", "3 px", "", "٣", "1_0"):
        with pytest.raises(ValueError):
            Length.parse(text)


def test_points_are_written_from_the_left_and_the_top():
    assert Point.parse("12, 50%").of((60, 80)) == (30, 12)
    assert Point.of_value((12, "50%")) == Point.parse("12,50%")
    for value in ("12", "1,2,3", "-1,2", (1, 2, 3), None):
        with pytest.raises((ValueError, TypeError)):
            Point.of_value(value)

from demo.texts import samples


def test_same_day_gives_the_same_texts() -> None:
    assert samples("acme", "2026-11-20") == samples("acme", "2026-11-20")


def test_another_tenant_or_day_gives_other_texts() -> None:
    days = (("acme", "2026-11-20"), ("acme", "2026-11-21"), ("globex", "2026-11-20"))
    texts = [{sample.text for sample in samples(*key)} for key in days]
    assert len(set().union(*texts)) == sum(map(len, texts))


def test_every_planted_value_is_in_its_text_and_is_one_line_that_a_search_can_tell_apart() -> None:
    for sample in samples("acme", "2026-11-20"):
        for value in sample.planted:
            assert value in sample.text
            assert len(value) >= 8
            assert "\n" not in value


def test_some_texts_hold_nothing_to_find() -> None:
    assert any(not sample.planted for sample in samples("acme", "2026-11-20"))

"""Published numbers: each with source, protocol and how it was seen, in tables of their own."""

from graftbench.reports.formats import to_markdown
from graftbench.reports.published import published, published_tables
from graftbench.reports.tables import all_tables
from synthetic import synthetic


def by_name(name):
    return next(table for table in published() if table.name == name)


def test_numbers_stand_where_they_were_read():
    low_shot = by_name("low-shot-stylegan2")
    methods = {method.name: dict(zip(low_shot.targets, method.values, strict=True)) for method in low_shot.methods}
    assert methods["FreezeD"] == {
        "Obama": 41.87,
        "Grumpy cat": 31.22,
        "Panda": 17.95,
        "AnimalFace-cat": None,
        "AnimalFace-dog": None,
    }
    assert methods["StyleGAN2 + DiffAugment from scratch"]["AnimalFace-dog"] == 58.85


def test_every_number_says_where_how_and_by_which_protocol_it_was_seen():
    for table in published():
        assert table.protocol.difference
        assert table.protocol.network
        for method in table.methods:
            assert method.source
            assert method.seen
            assert any(value is not None for value in method.values)


def test_tables_spell_the_protocol_out_and_carry_our_protocol_beside():
    protocols, *tables = published_tables()
    assert protocols.body[0][0] == "graftbench"
    assert len(tables) == len(published())
    for table in tables:
        text = to_markdown(table)
        assert "not measured here" in text
        assert "Difference from ours" in text


def test_published_numbers_never_enter_measured_tables():
    measured = [table for group in all_tables(synthetic(3, 2, 2)[0]).values() for table in group]
    assert not {table.name for table in measured} & {table.name for table in published_tables()}
    assert "41.87" not in "".join(map(to_markdown, measured))


def test_the_trained_mode_freezed_table_is_left_out():
    assert not any("49.3" in to_markdown(table) for table in published_tables())

import json

from collaborative.deployment import artifact_table


def test_what_is_damaged_or_of_others_has_no_row(tmp_path):
    ours = {
        "bytes": 1234,
        "parameters": 5678,
        "verification": {"images": 64, "largest_difference": 0.25},
    }
    texts = "{", "[]", "{}", '{"verification": 3}', "null", json.dumps(ours)
    for number, text in enumerate(texts):
        (tmp_path / f"artifact{number}").mkdir()
        (tmp_path / f"artifact{number}/metadata.json").write_text(text)
    _, row = artifact_table.table(tmp_path).splitlines()
    wanted = ["artifact5", "1,234", "5,678", "-", "-", "differs", "by", "2.5e-01"]
    assert row.split() == wanted

import pytest

from collaborative.runs import origin_record

HERE = {"device": "A, 2 cores", "tf32": False, "command": ["train.py"]}
THERE = {"device": "B, 1 core", "tf32": True, "command": ["train.py"]}
FLOAT32 = {"config": {"precision": "float32"}}


def go_on(record, origin, epochs):
    """The record of a run that goes on."""
    return record | origin | {"earlier": origin_record.earlier(record, origin, epochs)}


def devices(record):
    return origin_record.described(record)["device"]


def test_a_run_that_goes_on_elsewhere():
    record = go_on(FLOAT32 | HERE, THERE, 5)
    assert record["device"] == "B, 1 core"
    assert record["earlier"] == [{"epochs": 5} | HERE]
    assert devices(record) == "A, 2 cores, then B, 1 core (TF32)"
    assert origin_record.in_tf32(record)
    back = go_on(record, HERE, 7)
    assert [part["epochs"] for part in back["earlier"]] == [5, 7]
    assert origin_record.in_tf32(back) and not back["tf32"]
    assert origin_record.parts(back)[-1] == back


def test_what_is_no_difference():
    record = FLOAT32 | HERE
    assert origin_record.earlier(record, HERE | {"command": ["other.py"]}, 5) == []
    assert origin_record.earlier(record, HERE | {"onednn": True}, 5) == []
    elsewhere = go_on(record, THERE, 5)
    assert origin_record.earlier(elsewhere, THERE, 6) == [{"epochs": 5} | HERE]
    assert origin_record.earlier(elsewhere, HERE, 5) == []  # there no epoch was made


def test_what_is_not_known_is_not_as_now():
    unknown = FLOAT32 | HERE | {"earlier": [{"epochs": 3}]}
    for epochs in (3, 5):
        assert origin_record.earlier(unknown, HERE, epochs) == [{"epochs": 3}]
    assert origin_record.earlier(FLOAT32, HERE, 3) == [{"epochs": 3}]


def test_one_device():
    assert devices(FLOAT32 | HERE) == "A, 2 cores"
    assert devices(FLOAT32) == ""
    assert devices(FLOAT32 | HERE | {"earlier": [{"epochs": 2}]}) == "A, 2 cores"
    exact = {"config": {"precision": "float32_exact"}}
    assert not origin_record.in_tf32(exact | THERE)
    assert origin_record.in_tf32({"config": {}} | THERE)  # of before it was a setting


@pytest.mark.parametrize(
    "damage",
    [
        {"earlier": 5},
        {"earlier": [5]},
        {"earlier": [{"device": "A"}]},
        {"earlier": [{"epochs": 1, "plugins": 5}]},
        {"plugins": None},
        {"plugins": [{"file": "a.py"}]},
        {"network_files": [1]},
        {"network_files": {"a.keras": 1}},
        {"versions": "2.21.0"},
    ],
)
def test_damage_is_seen(damage):
    origin_record.check(FLOAT32 | HERE)
    origin_record.check(go_on(FLOAT32 | HERE, THERE, 5))
    with pytest.raises(ValueError, match=r"^its? "):
        origin_record.check(FLOAT32 | HERE | damage)

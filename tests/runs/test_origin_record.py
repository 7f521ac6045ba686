from collaborative.runs import origin_record

HERE = {"device": "A, 2 cores", "tf32": False, "command": ["train.py"]}
THERE = {"device": "B, 1 core", "tf32": True, "command": ["train.py"]}
FLOAT32 = {"config": {"precision": "float32"}}


def go_on(record, origin, epochs):
    """The record of a run that goes on."""
    return record | origin | {"earlier": origin_record.earlier(record, origin, epochs)}


def test_a_run_that_goes_on_elsewhere():
    record = go_on(FLOAT32 | HERE, THERE, 5)
    assert record["device"] == "B, 1 core"
    assert record["earlier"] == [{"epochs": 5} | HERE]
    assert origin_record.devices(record) == "A, 2 cores, then B, 1 core (TF32)"
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
    no_epoch = origin_record.earlier(elsewhere, HERE, 5)
    assert no_epoch == [{"epochs": 5} | HERE]


def test_one_device():
    assert origin_record.devices(FLOAT32 | HERE) == "A, 2 cores"
    assert origin_record.devices(FLOAT32) == ""
    for damaged in (5, [5], None):
        found = FLOAT32 | HERE | {"earlier": damaged}
        assert origin_record.devices(found) == "A, 2 cores"
    exact = {"config": {"precision": "float32_exact"}}
    assert not origin_record.in_tf32(exact | THERE)

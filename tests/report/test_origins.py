import pandas as pd

from collaborative.report import origins


def made(runs, **where):
    return runs.assign(**{"precision": "float32", "device": "A", **where})


def test_runs_of_one_machine_need_no_note(paper):
    assert origins.notes(made(paper)) == []


def test_seeds_of_two_machines_are_named(paper):
    paper = paper.query("dataset == 'cifar10'")
    other = made(paper, device="B", precision="bfloat16")
    other = other.assign(seed=1, run=other["run"] + "/1")
    (line,) = origins.notes(pd.concat([made(paper, seed=0), other]))
    assert line == "CIFAR10: seed 0 in float32 on A; seed 1 in bfloat16 on B"


def test_a_pair_of_two_machines_is_named(paper):
    paper = made(paper.query("dataset == 'mnist'"), seed=912)
    odd = (paper["method"] == "CE") & (paper["alpha"] == 0.1)
    (line,) = origins.notes(paper.assign(device=odd.map({True: "", False: "A"})))
    assert line.startswith(
        "MNIST, seed 912: CE 0.1 in float32 on an unknown device, the others in float32"
    )

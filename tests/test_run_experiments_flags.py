"""Flags of run_experiments.py: their help, what is refused, and lists of values."""

import pytest
from conftest import processor_seconds
from training_command import command

from collaborative import run_experiments
from collaborative.experiments import flags


def test_help_is_quick_and_complete():
    start = processor_seconds()
    run = command("--help")
    assert processor_seconds() - start < 3
    assert run.returncode == 0
    for flag in run_experiments.FLAGS:
        assert f"{flag}" in run.stdout
    assert "tensorflow" not in run.stderr


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("--methd", "L2"), "no flag '--methd'; did you mean --method?"),
        (("--method", "L3"), "Single, got 'L3'"),
        (
            ("--members", "ST,XL"),
            ", got 'XL'; one of your own",
        ),
        (("--members", "ST", "--method", "L2"), "needs at least 2 members"),
        (("--split", "half"), "split must be one of pooled, official"),
        (("--alpha", "-1"), "alpha must be a finite number >= 0, got -1.0"),
        (("--alpha", "nan"), "alpha must be a finite number >= 0, got nan"),
        (("--alpha", "inf"), "alpha must be a finite number >= 0, got inf"),
        (("--alpha", "much"), "alpha must be numbers, separated by commas, got 'much'"),
        (("--seeds", "1,b"), "seeds must be numbers, separated by commas, got '1,b'"),
        (("--method", "L2,L3"), "Single, got 'L3'"),
        (("--grid", "all"), "open_questions, got 'all'"),
        (("--grid", "paper", "--alpha", "1"), "--grid says what alpha is"),
        (("--limit", "8"), "a time above 0 such as 8h, 90m or 1.5h, got '8'"),
        # What a shell makes of a variable that is not set.
        (("--limit", ""), "a time above 0 such as 8h, 90m or 1.5h, got ''"),
        (("--grid", "", "--dry_run"), "open_questions, got ''"),
        (("--seeds", ""), "seeds must be numbers, separated by commas, got ''"),
        (("--alpha", ""), "alpha must be numbers, separated by commas, got ''"),
        (("--method", ""), "method must name at least one value, got none"),
        (("--grid", "noise", "--label_noise", "0.3"), "leave --label_noise out"),
        (
            ("--grid", "schedules", "--temperature", "2"),
            "schedules cannot have temperature 2.0 (--temperature): leave it out",
        ),
        (("--grid", "open_questions", "--labeled", "0.5"), "leave --labeled out"),
        (("--jobs", "0"), "--jobs must be an integer in the range [1, 4096], got '0'"),
        (("--validation", "1.5"), "--validation must be an integer, got '1.5'"),
        (("--small_loss", "a: b"), "--small_loss must be a number, got 'a: b'"),
        (("--augment=maybe",), "--augment must be true or false, got 'maybe'"),
        (("--noaugment=1",), "--noaugment=1 does not take an argument"),
        (("--epochs",), "Missing value for flag --epochs"),
        (("--strategy", "many"), "strategy must be one of single, mirrored"),
        (("--seeds", "1,2", "--overwrite"), "--overwrite is for one experiment"),
        (
            ("--seeds", "1,2", "--overwrite", "--dry_run"),
            "--overwrite is for one experiment",
        ),
        (("--callbacks", "ema"), "callback must be one of none yet, got 'ema'"),
        (("--epochs", "9" * 400), "epochs must be below 4,294,967,296, got 9,999,"),
        (("--seed", str(2**32)), "must be below 4,294,967,296, got 4,294,967,296"),
        (("--jobs", "9" * 400), "--jobs must be an integer in the range [1, 4096]"),
        (("--log_dir", ""), "--log_dir must be a path, got ''"),
        (("--epochs", "0"), "epochs must be at least 1, got 0"),
        (("--batch_size", "0"), "batch_size must be at least 1, got 0"),
        (("cifar10",), "got 'cifar10', which is no flag"),
    ],
)
def test_wrong_flags(arguments, message, capsys, fresh_flags):
    with pytest.raises(SystemExit) as raised:
        run_experiments.main(["run_experiments.py", *arguments])
    assert raised.value.code == 2
    error = capsys.readouterr().err
    assert message in error and len(error.splitlines()) == 1


def test_lists_and_seeds_are_combined(fresh_flags):
    flags.FLAGS(
        [
            "x",
            "--method",
            "L2,Single,L2",
            "--alpha",
            "0.1,1",
            "--seeds",
            "1,2",
            "--members",
            "M,ST",
        ]
    )
    configs = flags.configs()
    assert [(c.method, c.alpha, c.seed) for c in configs] == [
        ("L2", 0.1, 1), ("L2", 0.1, 2), ("L2", 1.0, 1), ("L2", 1.0, 2),
        ("Single", 0.0, 1), ("Single", 0.0, 2),
    ]  # fmt: skip
    assert {c.members for c in configs} == {("M", "ST")}

from collaborative.experiments import flags
from collaborative.experiments.settings import SETTINGS


def test_help_shows_flags_in_groups():
    groups = {
        group: {flag.name for flag in found}
        for group, found in flags.FLAGS.flags_by_module_dict().items()
    }
    assert list(groups)[:2] == ["what is run", "how they are trained"]
    assert {"dataset", "alpha", "grid", "seeds"} < groups["what is run"]
    assert {"optimizer", "patience", "ema"} < groups["how they are trained"]
    assert {"pull", "teacher", "unlabeled"} < groups["how members collaborate"]
    assert {"jit", "jobs"} < groups["how it is computed"]
    assert {"split", "labeled", "data_dir", "download"} < groups["data"]
    assert set(SETTINGS) < set().union(*groups.values())
    assert all(" " in name or name in ("data", "runs") for name in groups)

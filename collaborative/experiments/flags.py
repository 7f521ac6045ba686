"""The flags of `run_experiments.py`, and the experiments that they ask for."""

from __future__ import annotations

import functools
import itertools

from absl import flags

from collaborative.experiments import grids, plans, recipes, studies
from collaborative.experiments.config import ExperimentConfig
from collaborative.experiments.setting import ConfigError, kind_of
from collaborative.experiments.settings import SETTINGS
from collaborative.nn.callbacks import CALLBACKS
from collaborative.system import command_line

# Not absl's global flags: absl.logging, which TensorFlow imports, has a log_dir too.
FLAGS = flags.FlagValues()
_GRIDS = ("paper", *studies.STUDIES, *plans.PLANS)

# Where --help shows a flag.
EXPERIMENTS, COLLABORATION, TRAINING, RUNS, COMPUTATION = (
    "what is run",
    "how members collaborate",
    "how they are trained",
    "runs",
    "how it is computed",
)

_MOST = 4096  # jobs, and threads of each

define_bool, define_integer, define_list, define_string = (
    functools.partial(define, flag_values=FLAGS)
    for define in (
        flags.DEFINE_bool,
        flags.DEFINE_integer,
        flags.DEFINE_list,
        flags.DEFINE_string,
    )
)


def _group(facts):
    """Where the flag of a setting is shown."""
    if not facts.material:
        return COMPUTATION
    if facts.level:
        return EXPERIMENTS
    if facts.together:
        return COLLABORATION
    return command_line.DATA if facts.data else TRAINING


def _define(name, facts):
    """Defines the flag of a setting."""
    group = {"flag_values": FLAGS, "module_name": _group(facts)}
    default = getattr(ExperimentConfig, name)
    names = facts.names() if facts.names else ()
    text = facts.help.format(names=(" or " if len(names) == 2 else ", ").join(names))
    kind = kind_of(ExperimentConfig.__dataclass_fields__[name])
    if facts.listed or kind is tuple:
        values = [default] if isinstance(default, str) else default
        flags.DEFINE_list(name, values and list(values), text, **group)
        return
    define = {
        bool: flags.DEFINE_bool,
        int: flags.DEFINE_integer,
        float: flags.DEFINE_float,
        str: flags.DEFINE_string,
    }
    define[kind](name, default, text, **group)


for _name, _facts in SETTINGS.items():
    _define(_name, _facts)

define_string(
    "grid",
    None,
    f"A named set of experiments: {', '.join(_GRIDS)}. The paper's are 39, or 13 for "
    "each dataset that --dataset names; the others are studies (see docs/findings.md), "
    f"and {', '.join(plans.PLANS)} a list of them, the most informative first.",
    module_name=EXPERIMENTS,
)
define_list(
    "seeds",
    None,
    "Repeats everything with each of these seeds.",
    module_name=EXPERIMENTS,
)
define_string(
    "recipe",
    None,
    "A named set of settings, which flags beside it override: "
    + "; ".join(
        f"{name} is {' '.join(f'--{n}={v}' for n, v in settings.items())}"
        for name, settings in recipes.RECIPES.items()
    )
    + ".",
    module_name=TRAINING,
)
define_string(
    "log_dir",
    "logs",
    "Where runs are logged, each in its directory.",
    module_name=RUNS,
)
define_bool(
    "overwrite",
    False,
    "Start anew where there is a run already; its teacher stays.",
    module_name=RUNS,
)
define_bool(
    "dry_run",
    False,
    "Only list what would run, how it stands, and the time.",
    module_name=RUNS,
)
define_string(
    "limit",
    None,
    "End after such a time, as 8h, 90m or 1.5h: what then runs keeps its whole epochs. "
    "The same command goes on.",
    module_name=RUNS,
)
command_line.define_data_flags(FLAGS)
command_line.define_plugin_flag(FLAGS)
define_bool(
    "download",
    False,
    "Download the data set if it is not there.",
    module_name=command_line.DATA,
)
define_bool(
    "stream",
    None,
    "Read images from the disk when they are needed: decoded once to a file, with the "
    "same results. Default: where the memory does not suffice for them.",
    module_name=command_line.DATA,
)
define_integer(
    "jobs",
    None,
    "How many experiments run side by side. Default: as many as there are cores for "
    "their threads; with GPUs as many as these compute at the same time.",
    lower_bound=1,
    upper_bound=_MOST,
    module_name=COMPUTATION,
)
define_integer(
    "threads",
    None,
    "Threads of an experiment; its results depend on them in the last digits. Default: "
    "1 where several experiments are asked for, all cores for one.",
    lower_bound=1,
    upper_bound=_MOST,
    module_name=COMPUTATION,
)
define_string(
    "ray",
    None,
    "Address of a Ray cluster to run on (extra: cluster), e.g. auto.",
    module_name=COMPUTATION,
)


def configs():
    """The experiments that the parsed flags ask for.

    Returns:
        The `ExperimentConfig`s, each once, in the order in which to run them.

    Raises:
        ConfigError: for a value that cannot be.
    """
    if FLAGS.grid is not None:
        return _grid()
    methods = [None] if FLAGS.method is None else FLAGS.method
    alphas = [None] if FLAGS.alpha is None else _numbers("alpha", float)
    return grids.combinations(FLAGS.dataset, methods, alphas, _seeds(), **_common())


def questions():
    """What the experiments of a study or a plan are to answer.

    Returns:
        Dict from each `ExperimentConfig` to the first study that wants it, its name
        and question; empty where there is none.
    """
    found = {}
    for part, config in _studied() if FLAGS.grid not in (None, "paper") else ():
        found.setdefault(config, part.question)
    return found


def _common():
    """The settings that all experiments have, by name."""
    recipe = _recipe()
    names = [n for n in SETTINGS if n not in ("dataset", "method", "alpha", "seed")]
    common = {name: recipe.get(name, FLAGS[name].value) for name in names}
    own = {} if FLAGS["callbacks"].present else {"callbacks": tuple(CALLBACKS)}
    return common | own


def _seeds():
    return [FLAGS.seed] if FLAGS.seeds is None else _numbers("seeds", int)


def _recipe():
    """The settings of the recipe that are not given beside it."""
    settings = recipes.find(FLAGS.recipe)
    return {n: v for n, v in settings.items() if not FLAGS[n].present}


def _grid():
    if FLAGS.grid not in _GRIDS:
        raise ConfigError(
            f"grid must be one of {', '.join(_GRIDS)}, got {FLAGS.grid!r}"
        )
    is_paper = FLAGS.grid == "paper"
    known = () if is_paper else [studies.STUDIES[part.study] for part in _parts()]
    varied = set().union(*(study.varied for study in known))
    for name in sorted({"method", "alpha", "members"} | varied):
        if FLAGS[_flag_of(name)].present:
            raise ConfigError(
                f"--grid says what {name} is: leave --{_flag_of(name)} out"
            )
    if is_paper:
        datasets_named = FLAGS.dataset if FLAGS["dataset"].present else None
        return grids.paper_grid(datasets_named, _seeds(), **_common())
    _check_given(known)
    return list(dict.fromkeys(config for _, config in _studied()))


def _flag_of(name):
    """The flag that says what a setting is."""
    return "recipe" if name in _recipe() else name


def _given():
    """The settings that the command line, its recipe and its plugin say."""
    common = _common()
    given = {n: v for n, v in common.items() if FLAGS[n].present} | _recipe()
    return given | {"callbacks": common["callbacks"]} if common["callbacks"] else given


def _check_given(known):
    """Refuses what makes experiments that the report would not know as a study's.

    Args:
        known: the studies.
    """
    for name, value in _given().items():
        facts, usual = SETTINGS[name], getattr(ExperimentConfig, name)
        shown = ",".join(value) if isinstance(value, list | tuple) else value
        value = tuple(value) if isinstance(value, list) else value
        same = all(study.base.get(name, usual) == value for study in known)
        if same or facts.free or facts.level or not facts.material:
            continue
        remedy = "leave it out"
        if name == "callbacks":
            remedy = "give --callbacks= to leave those of --plugin out"
        raise ConfigError(
            f"--grid {FLAGS.grid} cannot have {name} {shown} "
            f"(--{_flag_of(name)}): {remedy}"
        )


def _parts():
    """The parts of the plan that the grid names; a study is one by itself."""
    return plans.PLANS.get(FLAGS.grid) or (plans.Part(FLAGS.grid),)


def _studied():
    """Pairs of a part and an experiment, with what the command line gives, in order."""
    given = _given()
    is_given = FLAGS["seed"].present or FLAGS["seeds"].present
    seeds = _seeds() if is_given else None
    named = FLAGS.dataset if FLAGS["dataset"].present else [None]
    for name, part in itertools.product(named, _parts()):
        if studies.STUDIES[part.study].chooses and not given.get("validation", True):
            raise ConfigError(
                f"the study {part.study} chooses settings on validation images: "
                "--validation must be above 0"
            )
        settings = given | ({"dataset": name} if name else {})
        for config in part.configs(seeds, **settings):
            yield part, config


def _numbers(flag, kind):
    try:
        return [kind(value) for value in FLAGS[flag].value or [""]]
    except ValueError as error:
        raise ConfigError(
            f"{flag} must be numbers, separated by commas, got "
            f"{','.join(map(str, FLAGS[flag].value))!r}"
        ) from error

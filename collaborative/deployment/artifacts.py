"""From a trained model to artifacts: each written, checked, and described by a card."""

from __future__ import annotations

import dataclasses
import functools
import os
import pathlib
import shutil
import sys
from typing import Any

from collaborative.deployment import (
    core_ml,
    formats,
    labels,
    low_precision,
    micro,
    model_card,
    plain_models,
    verification,
    verification_text,
)
from collaborative.deployment.web import exhibit
from collaborative.system import files, processor, run_files
from collaborative.system.errors import PlaceTaken


def not_exported(place, *names):
    """`PlaceTaken` of a place, or of files in it that no export has written."""
    what = f"{', '.join(names[:3])} in {place}" if names else place
    return PlaceTaken(f"{what} was not exported")


@dataclasses.dataclass(frozen=True)
class Options:
    """What is written of a model."""

    member: str  # or "ensemble"
    format: str  # a key of formats.FILES
    softmax: bool = False  # probabilities instead of logits; Core ML has these always
    quantize: str | None = None  # "int8" or "float16"
    batch: int | None = None  # images at once; None: any number

    @property
    def name(self):
        """The artifact's directory, such as ST-softmax-litert-batch1-int8."""
        softmax = "softmax" if self.softmax and self.format != "coreml" else None
        batch = f"batch{self.batch}" if self.batch else None
        parts = (self.member, softmax, self.format, batch, self.quantize)
        return "-".join(filter(None, parts))

    @property
    def gives_probabilities(self):
        """Whether it does, asked or not."""
        return self.softmax or self.format == "coreml"


@dataclasses.dataclass(frozen=True)
class Source:
    """A trained model and what its artifacts are checked with."""

    run: Any  # `runs.run.FinishedRun` or `model_source.ModelSource`
    trained: Any  # its model
    data: Any  # `datasets.Dataset`
    compared: Any = None  # another run, for a page
    web_runtime: Any = None  # `web.runtime.Runtime` of a page; None: our interpreter
    tolerance: float = verification.POINTS  # see `verification.verify_low_precision`
    license: str = "unknown"  # as the card names it
    built: dict = dataclasses.field(default_factory=dict)  # plain models

    def plain_model(self, member, softmax):
        """The plain model of a member, see `plain_models`, built once."""
        if (member, softmax) not in self.built:
            plain = plain_models.plain_model(self.trained, member, softmax)
            self.built[member, softmax] = plain
        return self.built[member, softmax]


def export(source, options, output_dir):
    """Writes and checks one artifact in a directory of its own.

    Args:
        source: a `Source`.
        options: `Options`.
        output_dir: where that directory goes.

    Returns:
        (the directory; its metadata, as `model_card.describe` gives it).

    Raises:
        UserError: where it cannot be written, or fails its check; nothing is left.
            Or where something else has the directory's name, which stays.
    """
    place = output_dir / options.name
    if place.is_symlink():
        place = place.resolve()
    _check_place(place)
    run, test = source.run, source.data.test
    plain = source.plain_model(options.member, options.gives_probabilities)
    with files.replacing_directory(place) as directory:
        artifact = directory / formats.FILES[options.format]
        checked = _written_and_checked(source, options, plain, artifact)
        shown = _shown_in_a_page(source, options, plain)
        described = _described(source, options, list(shown))
        described["pictures"] = _copied_curves(run, directory)
        scores = run.test_scores(options.member)
        describe = functools.partial(
            model_card.describe, run, plain, described, scores, checked, artifact
        )
        if shown:
            exhibit.complete(artifact, shown, run, test, describe, source.web_runtime)
        else:
            labels.write(directory, run.class_names)
        described_by = (model_card.METADATA, model_card.CARD)
        names = sorted([*_files_in(directory), *described_by])
        metadata = describe() | {"files": names}
        model_card.write(directory, metadata)
        _check_place(place)  # what has come meanwhile stays
    if options.format == "coreml":
        print(verification_text.sentences(checked), file=sys.stderr)
    return output_dir / options.name, metadata


def _shown_in_a_page(source, options, plain):
    """The networks that a page has beside each other, by name; of other formats none.

    Raises:
        UserError: where they cannot stand in one page.
    """
    if options.format != "web":
        return {}
    networks = exhibit.networks(
        source.run, source.trained, plain, source.compared, options.softmax
    )
    exhibit.check(networks, source.data.test.images, source.web_runtime)
    return networks


def _described(source, options, shown):
    """What a card says of the artifact besides its network, scores and checks."""
    described = dataclasses.asdict(options)
    described |= {"softmax": options.gives_probabilities, "license": source.license}
    if options.format == "coreml":
        described["batch"] = 1
    if shown:
        runtime = source.web_runtime
        described |= {"beside": shown[1:], "runtime": runtime and runtime.name}
    return described


def _check_place(directory):
    """Raises PlaceTaken where something is there that no export has written."""
    if not os.path.lexists(directory):
        return
    there = _files_in(directory)
    try:
        metadata = files.read_json(directory / model_card.METADATA)
        # An old export does not say what it wrote.
        ours = metadata.get("files", there) if metadata["member"] else []
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        ours = []
    others = [name for name in there if name not in ours]
    if others or not directory.is_dir():
        raise not_exported(directory, *others)


def _files_in(directory):
    """Paths of all that a directory holds but directories, from it on."""
    found = sorted(path for path in directory.rglob("*") if not _is_folder(path))
    return [path.relative_to(directory).as_posix() for path in found]


def _is_folder(path):
    return path.is_dir() and not path.is_symlink()


def _written_and_checked(source, options, plain, artifact):
    """What the check of an artifact found, see `verification`."""
    form, kind, names = options.format, options.quantize, source.run.class_names
    if form == "coreml":
        formats.write(plain, artifact, form, kind, class_names=names)
        return core_ml.check(artifact, plain, names)
    test = source.data.test
    if kind:
        checked = low_precision.export(
            plain, artifact, form, kind, source.data, source.tolerance, options.batch
        )
    else:
        formats.write(
            plain,
            artifact,
            form,
            batch=options.batch,
            web_runtime=source.web_runtime,
        )
        checked = _verified(source, options, plain, artifact)
    expected = verification.outputs_of(plain)
    if form == "openvino":
        checked |= verification.in_bfloat16(artifact, expected, test.images)
    if form == "litert":
        checked |= micro.check(artifact, test.images)
    return checked | {"processor": processor.name_with_cores()}


def _verified(source, options, plain, artifact):
    """Has a float32 artifact checked on test images."""
    index = source.trained.predictor_names.index(options.member)
    return verification.verify_float(
        options.format,
        artifact,
        verification.outputs_of(plain),
        verification.outputs_of(
            lambda images: source.trained.predictor_logits(images)[index],
            options.softmax,
        ),
        source.data.test.images,
        source.run.config.precision,
    )


def _copied_curves(run, directory):
    """Names of the run's pictures that a card shows, copied beside it."""
    found = pathlib.Path(run.run_dir, run_files.CURVES["error"])
    if not found.is_file():
        return []
    shutil.copyfile(found, directory / found.name)
    return [found.name]

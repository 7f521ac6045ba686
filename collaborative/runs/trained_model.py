"""The model that a run has trained."""

from __future__ import annotations

from collaborative import models


def load(path, member_names):
    """Loads the model of a finished run.

    Args:
        path: of its `model.keras`.
        member_names: of its config.

    Returns:
        The `EnsembleModel` or `SingleModel`, not compiled.

    Raises:
        models.UnusableModel: where it cannot be loaded, or has other members.
    """
    model = models.load_model(path, compile=False)
    found = [member.name for member in getattr(model, "members", ())]
    if found != list(member_names):
        raise models.UnusableModel(
            f"{path} is not the run's own: its members are "
            f"{', '.join(found) or 'none'}, not {', '.join(member_names)}"
        )
    return model

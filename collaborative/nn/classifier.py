"""What a person calls of several networks that are trained together.

`Classifier` is a Keras model in all: it is compiled, fitted, measured and saved. Its
steps are in `steps`; what they minimise is said in `models`, where the paper's
equations are.
"""

from __future__ import annotations

import warnings

import keras

from collaborative.data.examples import Inputs
from collaborative.nn import frozen, member_optimizers, metrics, saving, stored_weights
from collaborative.nn.labels import checked_labels
from collaborative.nn.members import UnknownMember, check_members, says_its_kind
from collaborative.nn.progress_line import FewStatistics
from collaborative.nn.steps import Steps


class Classifier(Steps):
    """Members that are trained by one step.

    Args:
        members: Keras models from the same inputs to logits `[batch, classes]`.
        totals: names of what `total_cost` gives, "loss" (the total cost) among them.
        **kwargs: those of `keras.Model`.
    """

    def __init__(self, members, totals, **kwargs):
        super().__init__(**kwargs)
        self.members = list(members)
        check_members(self.members)
        self._unseen = tuple(m.name for m in self.members if not says_its_kind(m))
        self._scales_cost = True
        names = [
            f"{predictor}_{statistic}"
            for predictor in self.predictor_names
            for statistic in ("error", "cost")
        ]
        self.statistics = metrics.Statistics([*names, *totals], running=len(names))
        if all(member.built for member in self.members):
            # With the shape, which Keras's export asks for.
            self.build(getattr(self.members[0], "input_shape", None))

    def build(self, input_shape):
        for member in self.members:
            if not member.built:
                member.build(input_shape)
        self.built = True

    def compute_output_shape(self, input_shape):
        return self.members[0].compute_output_shape(input_shape)

    def call(self, x, training=False):
        """The prediction: logits `[batch, classes]`.

        In training, which is that of a larger model, what this one minimises besides
        its members' costs is added to `losses`.
        """
        logits = self.predictor_logits(Inputs.of(x).images, training)
        if training:
            self.add_loss(self.cost_without_labels(logits[: len(self.members)]))
        return logits[-1]

    def compile(self, optimizer="rmsprop", loss=None, *args, **kwargs):
        """`keras.Model.compile`, without a loss: what is minimised is the model's own.

        Args:
            optimizer: as Keras takes it; or one for each member, a list in their order
                or a dict by name (a frozen member may be left out). They are then
                `optimizer.by_member`, and are all applied in one step.
            loss: must be None.
            *args, **kwargs: those of `keras.Model.compile`.

        Raises:
            ValueError: for a loss, or where it is not clear whose optimizer is meant:
                a name that no member has, weights that members share.
        """
        if loss is not None:
            raise ValueError(
                f"{type(self).__name__} minimises its own cost: compile it without "
                f"loss (got {loss!r})"
            )
        optimizer = member_optimizers.for_members(optimizer, self.members)
        self._scales_cost = kwargs.get("auto_scale_loss", True)
        if self._scales_cost:
            optimizer = self._scaling(optimizer)
        super().compile(optimizer, None, *args, **kwargs)
        self.loss = "total_cost"  # scikit-learn's wrappers ask whether there is any
        member_optimizers.show_to_callbacks(self.optimizer)

    def _scaling(self, optimizer):
        """An optimizer that scales the cost, where members compute in float16.

        Keras asks the model's own policy alone, which members out of a file need not
        share, and small gradients become 0 (`findings/loss_scale_after_loading.sh`).
        """
        is_ours = self.dtype_policy.name == "mixed_float16"  # then Keras does it
        scales = isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
        in_float16 = any(
            layer.compute_dtype == "float16"
            for member in self.members
            for layer in member._flatten_layers()
        )
        if optimizer is None or is_ours or scales or not in_float16:
            return optimizer
        return keras.optimizers.LossScaleOptimizer(keras.optimizers.get(optimizer))

    def get_compile_config(self):
        config = super().get_compile_config()
        # Keras does not write it, and a loaded model would have another optimizer.
        return config | {"auto_scale_loss": False} if not self._scales_cost else config

    def compile_from_config(self, config):
        """Compiles a loaded model; whoever overrides `compile` has to say how."""
        self.compile(**keras.saving.deserialize_keras_object(config))
        self.optimizer.build(self.trainable_variables)

    def load_weights(self, filepath, skip_mismatch=False, **kwargs):
        """`keras.Model.load_weights`, to each member those of its own name.

        Where the members were in another order then, what their optimizer had gathered
        is not loaded, of which a warning says so.

        Raises:
            ValueError: where the file holds the weights of other members.
        """
        own = {id(v) for member in self.members for v in member.variables}
        further = any(id(v) not in own for v in self.variables)
        ordered = stored_weights.in_order_of(filepath, self.members, further)
        if ordered is None:
            super().load_weights(filepath, skip_mismatch, **kwargs)
            return
        holder = stored_weights.Holder(ordered)
        holder.load_weights(filepath, skip_mismatch, **kwargs)
        if self.compiled:
            warnings.warn(
                f"{filepath} has the members in another order: their weights are "
                "loaded by name, and the optimizer starts anew",
                stacklevel=2,
            )

    def save(self, filepath, overwrite=True, **kwargs):
        """`keras.Model.save`, to a `.keras` file; where it fails, what was there stays.

        Raises:
            ValueError: for HDF5, from which it could not be loaded.
        """
        saving.check_path(filepath)
        with saving.kept(filepath, overwrite) as place:
            super().save(place, overwrite, **kwargs)

    def export(self, filepath, *args, input_signature=None, **kwargs):
        """`keras.Model.export` of the prediction; see there for the formats."""
        if input_signature is None:
            input_signature = saving.input_signature(self.members[0])
        super().export(filepath, *args, input_signature=input_signature, **kwargs)

    def trace_again(self):
        """Has the steps that were traced traced again, with the settings as they are.

        In the midst of `fit` too: a callback may set them.
        """
        for step in ("train", "test", "predict"):
            if getattr(self, f"{step}_function", None) is not None:
                getattr(self, f"make_{step}_function")(force=True)

    def fit(self, *args, callbacks=None, verbose="auto", **kwargs):
        """`keras.Model.fit`; its line shows the loss and the errors, its logs all."""
        callbacks = self._own_callbacks(callbacks, verbose)
        with checked_labels(self, args, kwargs):
            return super().fit(*args, callbacks=callbacks, verbose=verbose, **kwargs)

    def train_on_batch(self, *args, **kwargs):
        """`keras.Model.train_on_batch`."""
        with checked_labels(self, args, kwargs):
            return super().train_on_batch(*args, **kwargs)

    def test_on_batch(self, *args, **kwargs):
        """`keras.Model.test_on_batch`."""
        with checked_labels(self, args, kwargs):
            return super().test_on_batch(*args, **kwargs)

    def __getitem__(self, name):
        """The member of that name.

        Raises:
            UnknownMember: a KeyError, where there is none.
        """
        found = {member.name: member for member in self.members}
        if name not in found:
            raise UnknownMember(
                f"no member {name!r}: the members are {', '.join(found)}"
            )
        return found[name]

    __iter__ = None  # else Python would ask for the members 0, 1, ...

    def predict(self, *args, **kwargs):
        """`keras.Model.predict`: logits `[n, classes]`, the ensemble's if it is one."""
        return super().predict(*args, **kwargs)[-1]

    def predict_on_batch(self, x):
        """`keras.Model.predict_on_batch`: logits `[n, classes]`, as of `predict`."""
        return super().predict_on_batch(x)[-1]

    def predict_all(self, *args, **kwargs):
        """What each member predicts and, where there are several, their ensemble.

        Args:
            *args, **kwargs: those of `keras.Model.predict`.

        Returns:
            Dict from each of `predictor_names` to its logits, float32 `[n, classes]`.
        """
        logits = super().predict(*args, **kwargs)
        return dict(zip(self.predictor_names, logits, strict=True))

    def predict_members(self, *args, **kwargs):
        """`predict_all` of the members alone."""
        logits = self.predict_all(*args, **kwargs)
        return {member.name: logits[member.name] for member in self.members}

    def evaluate(
        self, *args, callbacks=None, verbose="auto", return_dict=False, **kwargs
    ):
        """`keras.Model.evaluate`, of the ensemble and each of its members.

        Returns:
            A list in the order of `metrics_names`; with `return_dict=True` a dict with
            `<member>_error` and `<member>_cost` of each member, and of the ensemble.
        """
        kwargs["callbacks"] = self._own_callbacks(callbacks, verbose)
        with checked_labels(self, args, kwargs):
            found = super().evaluate(*args, verbose=verbose, return_dict=True, **kwargs)
        # Over all devices: in a step each of them knows its own share alone.
        found |= {name: float(mean) for name, mean in self.statistics.means().items()}
        names = [name for name in self.metrics_names if name in found]
        results = {name: found[name] for name in names} | found
        return results if return_dict else list(results.values())

    @property
    def trainable_variables(self):
        """`keras.Model.trainable_variables`, without those of frozen members."""
        return frozen.without_frozen(super().trainable_variables, self.members)

    @property
    def trainable_weights(self):
        """`keras.Model.trainable_weights`, without those of frozen members."""
        return frozen.without_frozen(super().trainable_weights, self.members)

    @property
    def non_trainable_variables(self):
        """`keras.Model.non_trainable_variables`, with all of frozen members."""
        return frozen.without(self.variables, self.trainable_variables)

    @property
    def non_trainable_weights(self):
        """`keras.Model.non_trainable_weights`, with all of frozen members."""
        return frozen.without(self.weights, self.trainable_weights)

    @property
    def metrics_names(self):
        """Names of what `evaluate` gives, the loss first."""
        further = [m for m in self.metrics if m is not self.statistics]
        return [*self.statistics.means(), *(metric.name for metric in further)]

    def _own_callbacks(self, callbacks, verbose):
        """The callbacks, and one that shows few of the statistics.

        Those that watch one of our statistics are told that less is better.
        """
        if isinstance(callbacks, keras.callbacks.CallbackList):
            saving.check_callbacks(callbacks.callbacks)
            return callbacks
        callbacks = list(keras.tree.flatten(callbacks)) if callbacks else []
        saving.check_callbacks(callbacks)
        known = {f"{p}{n}" for n in self.statistics.all_names for p in ("", "val_")}
        for callback in callbacks:
            watched = getattr(callback, "monitor", None)
            if watched in known and getattr(callback, "mode", None) == "auto":
                callback.mode = "min"
        shows = keras.callbacks.ProgbarLogger
        if verbose and not any(isinstance(c, shows) for c in callbacks):
            shown = {"loss", *(f"{name}_error" for name in self.predictor_names)}
            callbacks.append(FewStatistics(set(self.statistics.all_names) - shown))
        return callbacks

    @property
    def metrics(self):
        # "loss" is among the statistics; Keras's own tracker would shadow it.
        return [metric for metric in super().metrics if metric.name != "loss"]

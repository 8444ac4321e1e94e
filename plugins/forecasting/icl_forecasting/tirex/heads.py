"""Classification and regression on embeddings of a frozen network.

Three kinds of head: "linear" (PyTorch), "forest" (scikit-learn) and "boosting" (LightGBM).
"""

from __future__ import annotations

import importlib
import inspect
import json
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch

from icl_core.errors import InputError, MissingExtraError, WeightsError
from icl_core.results.save import atomic_path
from icl_core.weights.read import read_checkpoint
from icl_forecasting.tirex.linear_head import LinearTraining, train_linear

HEADS = ("linear", "forest", "boosting")
VALIDATION_SHARE = 0.2
_PATIENT_ROUNDS = 10
_FORMAT = 1


class _Head:
    """What both heads share: options, checks, and files of linear heads."""

    task: ClassVar[str]

    def __init__(
        self,
        head: str = "linear",
        *,
        training: LinearTraining | None = None,
        seed: int = 0,
        **options: Any,
    ) -> None:
        if head not in HEADS:
            raise InputError(f"head is {head!r}, expected one of {HEADS}")
        if options and head == "linear":
            raise InputError(
                f"a linear head has no option {next(iter(options))!r}",
                hint="its settings are training=LinearTraining(...)",
            )
        self.head = head
        self.training = training or LinearTraining()
        self.seed = seed
        self.options = options
        self._linear: dict[str, torch.Tensor] | None = None
        self._trees: Any = None

    def _describe(self) -> dict[str, Any]:
        raise NotImplementedError

    def _restore(self, described: dict[str, Any]) -> None:
        raise NotImplementedError

    def _estimator(self, forest: str, boosting: str) -> Any:
        module, package, name = (
            ("sklearn.ensemble", "scikit-learn", forest)
            if self.head == "forest"
            else ("lightgbm", "lightgbm", boosting)
        )
        try:
            library = importlib.import_module(module)
        except ImportError as error:
            raise MissingExtraError(
                f"a {self.head} head needs {package}", "pip install 'icl-forecasting[heads]'"
            ) from error
        quiet = {} if self.head == "forest" else {"verbosity": -1}
        return getattr(library, name)(random_state=self.seed, **{**quiet, **self.options})

    def _fit_trees(
        self, x: np.ndarray, y: np.ndarray, held: np.ndarray, forest: str, boosting: str
    ) -> None:
        trees = self._estimator(forest, boosting)
        if self.head == "forest" or not held.any():
            trees.fit(x, y)
        else:
            stop = importlib.import_module("lightgbm").early_stopping(
                _PATIENT_ROUNDS, verbose=False
            )
            check: dict[str, Any] = {"eval_X": (x[held],), "eval_y": (y[held],)}
            if "eval_X" not in inspect.signature(trees.fit).parameters:  # LightGBM before 4.7
                check = {"eval_set": [(x[held], y[held])]}
            trees.fit(x[~held], y[~held], callbacks=[stop], **check)
        self._trees, self._linear = trees, None

    def _scores(self, x: np.ndarray) -> np.ndarray:
        assert self._linear is not None
        with torch.inference_mode():
            out = torch.from_numpy(x) @ self._linear["weight"].T + self._linear["bias"]
        return np.asarray(out.numpy())

    def _checked(self, embeddings: np.ndarray) -> np.ndarray:
        x = np.asarray(embeddings, dtype=np.float32)
        if x.ndim != 2 or len(x) == 0:
            raise InputError(f"embeddings have shape {x.shape}, expected [samples, features]")
        if not np.isfinite(x).all():
            raise InputError("embeddings hold values that are not finite")
        if self._linear is not None and x.shape[1] != self._linear["weight"].shape[1]:
            raise InputError(
                f"embeddings have {x.shape[1]} features, the head was trained on "
                f"{self._linear['weight'].shape[1]}"
            )
        return x

    def _fitted(self, embeddings: np.ndarray) -> np.ndarray:
        if self._linear is None and self._trees is None:
            raise InputError("the head is not trained yet", hint="call fit first")
        return self._checked(embeddings)

    def save(self, path: str | Path, overwrite: bool = False) -> Path:
        """Write a trained linear head as safetensors.

        Raises:
            InputError: the head is not linear (its library would store code, not numbers), is not
                trained, or the file exists.
        """
        from safetensors.torch import save_file

        if self.head != "linear":
            raise InputError(
                f"a {self.head} head cannot be saved: its format runs code when it is read",
                hint="save the embeddings and fit again, or use head='linear'",
            )
        if self._linear is None:
            raise InputError("the head is not trained yet", hint="call fit first")
        described = {"task": self.task, "version": _FORMAT, **self._describe()}
        tensors = {name: part.contiguous() for name, part in self._linear.items()}
        with atomic_path(path, overwrite, suffixes=(".safetensors",)) as temporary:
            save_file(tensors, temporary, {"icl_head": json.dumps(described)})
        return Path(path)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a linear head that `save` wrote.

        Raises:
            WeightsError: the file is missing, damaged, or holds something else.
        """
        checkpoint = read_checkpoint(path)
        described = checkpoint.metadata.get("icl_head")
        if (
            not isinstance(described, dict)
            or described.get("task") != cls.task
            or described.get("version") != _FORMAT
            or set(checkpoint.tensors) != {"weight", "bias"}
        ):
            raise WeightsError(f"{path} does not hold a linear {cls.task} head")
        loaded = cls()
        loaded._linear = {name: part.float() for name, part in checkpoint.tensors.items()}
        loaded._restore(described)
        return loaded


class EmbeddingClassifier(_Head):
    """Labels from embeddings.

    Args:
        head: "linear", "forest" (scikit-learn) or "boosting" (LightGBM).
        training: settings of the linear head.
        seed: of the split, the initial weights and the trees; the global state is not touched.
        options: handed to the forest or the booster.
    """

    task = "classification"
    classes: np.ndarray

    def fit(
        self, embeddings: np.ndarray, labels: Any, class_weights: dict[Any, float] | None = None
    ) -> Self:
        """Learn labels.

        Args:
            embeddings: [N, D], finite.
            labels: N strings or numbers of at least two kinds.
            class_weights: weight of each label in the loss, for the linear head; 1 if left out.
        """
        self._linear = self._trees = None
        x = self._checked(embeddings)
        labels = np.asarray(labels)
        if labels.shape != (len(x),):
            raise InputError(f"there are {len(x)} embeddings, but labels of shape {labels.shape}")
        self.classes, index = np.unique(labels, return_inverse=True)
        if len(self.classes) < 2:
            raise InputError(f"all labels are {self.classes[0]!r}, expected at least two kinds")
        held = hold_out(index, self.seed)
        if self.head != "linear":
            if class_weights is not None:
                raise InputError(
                    f"class_weights belong to the linear head, this one is {self.head}",
                    hint="class_weight='balanced' is an option of both tree libraries",
                )
            self._fit_trees(x, index, held, "RandomForestClassifier", "LGBMClassifier")
            return self
        weights = [float((class_weights or {}).get(c, 1.0)) for c in self.classes.tolist()]
        loss = torch.nn.CrossEntropyLoss(weight=torch.tensor(weights))
        target = torch.from_numpy(index.astype(np.int64))
        self._linear = train_linear(
            torch.from_numpy(x), target, held, len(weights), loss, self.training, self.seed
        )
        return self

    def predict_proba(self, embeddings: np.ndarray) -> np.ndarray:
        """Probabilities [B, C] in the order of `classes`."""
        x = self._fitted(embeddings)
        if self._trees is not None:
            return np.asarray(self._trees.predict_proba(x))
        scores = self._scores(x)
        powers = np.exp(scores - scores.max(1, keepdims=True))
        return np.asarray(powers / powers.sum(1, keepdims=True))

    def predict(self, embeddings: np.ndarray) -> np.ndarray:
        """The most probable label of each sample, [B]."""
        best = self.predict_proba(embeddings).argmax(1)
        return np.asarray(self.classes[best])

    def _describe(self) -> dict[str, Any]:
        return {"classes": self.classes.tolist()}

    def _restore(self, described: dict[str, Any]) -> None:
        self.classes = np.asarray(described["classes"])


class EmbeddingRegressor(_Head):
    """Numbers from embeddings; arguments as for `EmbeddingClassifier`.

    The linear head learns standardised targets and gives them back in their own units.
    """

    task = "regression"
    _mean: float
    _spread: float

    def fit(self, embeddings: np.ndarray, targets: Any) -> Self:
        """Learn N finite numbers from embeddings [N, D]."""
        self._linear = self._trees = None
        x = self._checked(embeddings)
        y = np.asarray(targets, dtype=np.float64)
        if y.shape != (len(x),) or not np.isfinite(y).all():
            raise InputError(f"expected {len(x)} finite targets, got an array of shape {y.shape}")
        held = hold_out(np.zeros(len(x), dtype=np.int64), self.seed)
        if self.head != "linear":
            self._fit_trees(x, y, held, "RandomForestRegressor", "LGBMRegressor")
            return self
        self._mean, self._spread = float(y.mean()), float(y.std()) or 1.0
        target = torch.from_numpy((y - self._mean) / self._spread).float()[:, None]
        self._linear = train_linear(
            torch.from_numpy(x), target, held, 1, torch.nn.MSELoss(), self.training, self.seed
        )
        return self

    def predict(self, embeddings: np.ndarray) -> np.ndarray:
        """One number a sample, [B]."""
        x = self._fitted(embeddings)
        if self._trees is not None:
            return np.asarray(self._trees.predict(x))
        return np.asarray(self._scores(x)[:, 0] * self._spread + self._mean)

    def _describe(self) -> dict[str, Any]:
        return {"mean": self._mean, "spread": self._spread}

    def _restore(self, described: dict[str, Any]) -> None:
        self._mean, self._spread = float(described["mean"]), float(described["spread"])


def hold_out(groups: np.ndarray, seed: int) -> np.ndarray:
    """Which samples validate: a fifth of every group, chosen by seed; a group keeps one at least.

    Args:
        groups: [N] integers; for classification the labels, which are so stratified.
        seed: of the choice.

    Returns:
        bool [N].
    """
    rng = np.random.default_rng(seed)
    held = np.zeros(len(groups), dtype=bool)
    for group in np.unique(groups):
        places = rng.permutation(np.flatnonzero(groups == group))
        held[places[: min(round(len(places) * VALIDATION_SHARE), len(places) - 1)]] = True
    return held

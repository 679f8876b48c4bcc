"""Keras's reduction of the learning rate on a plateau, with a state that travels with a run."""

from __future__ import annotations

import keras


class Plateau(keras.callbacks.ReduceLROnPlateau):
    """As `keras.callbacks.ReduceLROnPlateau`; among `RunState`'s `keep` a killed run goes on."""

    stored: dict | None = None

    def get_state(self) -> dict:
        """JSON-safe."""
        return {
            "best": float(self.best),
            "wait": self.wait,
            "cooldown": self.cooldown_counter,
            "rate": float(self.model.optimizer.learning_rate),
        }

    def set_state(self, stored: dict) -> None:
        """Takes effect when training begins, which is when Keras sets everything back."""
        self.stored = dict(stored)

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        if self.stored:
            self.best, self.wait = self.stored["best"], self.stored["wait"]
            self.cooldown_counter = self.stored["cooldown"]
            self.model.optimizer.learning_rate = self.stored["rate"]

"""How the settings of Distill-2MD-MTL's runs are chosen, and GradNorm's among them."""

from argparse import Namespace

import numpy as np
import pytest

from kerasface.training.balancing import FixedWeights, balancing_by_name
from recipes.distill_2md_mtl import balancing, choose
from recipes.distill_2md_mtl.methods import METHODS, Method
from tests.recipes.test_distill_2md_mtl import HERE, drawn


def test_settings_are_chosen_by_people_who_do_not_train_and_without_fer2013():
    files = []

    def load(file):
        files.append(file)
        return drawn(file)

    sets, held = choose.divided(Namespace(load=load, domains=HERE))
    assert not set(sets["expression"].subjects) & set(held.subjects)
    whole = drawn("ck48")
    assert len(sets["expression"]) + len(held) == len(whole)
    assert len({*held.subjects}) == pytest.approx(0.3 * len({*whole.subjects}), abs=1)
    assert set(files) == {"ck48", "utkface-train", "fairface-train"}


def test_disturbed_faces_are_others_and_stay_grey():
    faces = drawn("ck48").images[:8]
    found = choose.disturbed(faces, 1)
    assert found.shape == faces.shape and 0 <= found.min() and found.max() <= 255
    assert np.ptp(found, axis=-1).max() < 1e-3
    assert (np.abs(found - faces).reshape(8, -1).mean(1) > 2).all()
    np.testing.assert_array_equal(found, choose.disturbed(faces, 1))
    assert np.abs(found - choose.disturbed(faces, 2)).mean() > 2


@pytest.mark.slow
def test_a_choice_is_measured_once(tmp_path, monkeypatch, eager):
    plain = choose.Trial("baseline", "momentum", 0.1)
    trials = [plain, choose.Trial("da-2md-mtl", strength=0.1, alpha=0.5)]
    monkeypatch.setattr(choose, "TRIALS", {"settings": trials, "others": [plain]})
    monkeypatch.setattr(choose, "COPIES", 2)
    words = ["--smoke", "--runs", str(tmp_path), "--only", "settings"]
    found = choose.main(words)
    assert set(found) == {
        "baseline, momentum 0.1, stronger",
        "da-2md-mtl, muon 0.01, stronger, strength 0.1, alpha 0.5",
    }
    for each in found.values():
        assert 0 <= each["plain"] <= 1 and 0 <= each["disturbed"] <= 1 and each["rows"] > 0
    monkeypatch.setattr(choose, "measure", None)  # nothing is trained again
    assert choose.main([*words, "others"]) == found


def test_gradnorm_has_the_chosen_alpha_and_other_balancings_none():
    for name in ("gradnorm", "gradnorm_reference", "gradnorm_features"):
        method = Method("any", balancing=name)
        made = balancing.balancing_of(method)
        assert made.norms == balancing_by_name(name).norms
        assert made.alpha == balancing.alpha_of(method) == balancing.ALPHA
    fixed = Method("any", balancing="fixed")
    assert balancing.alpha_of(fixed) is None
    assert type(balancing.balancing_of(fixed)) is FixedWeights
    assert balancing.alpha_of(METHODS["baseline"]) is None

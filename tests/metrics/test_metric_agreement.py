"""The comparison with independent implementations: those that are installed agree, by its table."""

import numpy as np
import pytest

from benchmarks import metric_agreement as agreement

NEEDS = {
    "frechet_by_scipy": (),
    "distances_by_clean_fid": ("torch", "torchvision", "cleanfid"),
    "distances_by_torchmetrics": ("torch", "torchmetrics"),
    "images_by_scikit_image": ("skimage",),
    "images_by_torchmetrics": ("torch", "torchmetrics"),
    "lpips_by_its_package": ("torch", "torchvision", "lpips"),
    "cepstra_by_python_speech_features": ("python_speech_features",),
    "resize_by_pillow": (),
    "resize_by_clean_fid": ("torch", "cleanfid"),
    "resize_by_torch_fidelity": ("torch", "torch_fidelity"),
    "confusion_by_scikit_learn": ("sklearn",),
}


@pytest.mark.filterwarnings("ignore")  # of the packages
@pytest.mark.parametrize("check", agreement.CHECKS, ids=lambda check: check.__name__)
def test_an_implementation_that_is_installed_agrees(check):
    for name in NEEDS[check.__name__]:
        pytest.importorskip(name, reason="no package of an extra", exc_type=ImportError)
    rows, left_out = agreement.compare((check,))
    if left_out:
        pytest.skip(str(left_out))
    assert rows
    for row in rows:
        assert row.difference <= row.tolerance, row


def test_a_difference_above_its_tolerance_and_what_is_missing_are_told(monkeypatch, capsys):
    def wrong():
        yield agreement.relative("PSNR", "other", [1.0, 2.0], [1.0, 2.5], 1e-3, "float64")

    def convention():
        yield agreement.absolute("SSIM", "Gaussian", 0.9, 0.8, np.inf, "")

    def missing():
        yield from __import__("no_such_package").rows

    monkeypatch.setattr(agreement, "CHECKS", (wrong, convention, missing))
    assert agreement.main([]) == 1
    told = capsys.readouterr().out
    assert "| PSNR | other | 2 | 2.5 | 2.0e-01 | 1e-03 | float64 on both sides **ABOVE** |" in told
    assert "| SSIM | Gaussian | 0.9 | 0.8 | 1.0e-01 | - | other convention |" in told
    assert "left out: missing: 'no_such_package' is not installed" in told
    monkeypatch.setattr(agreement, "CHECKS", (convention,))
    assert agreement.main([]) == 0
    monkeypatch.setattr(agreement, "CHECKS", (missing,))
    assert agreement.main([]) == 1  # nothing was compared

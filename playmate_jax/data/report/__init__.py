"""`playmate data report`: a prepared folder as one HTML page, to be looked at before training."""

from playmate_jax.data.report.page import write_report

__all__ = ["write_report"]

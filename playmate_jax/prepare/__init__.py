"""From raw video to data sets: readers of published layouts, the stages, and the Beam pipeline."""

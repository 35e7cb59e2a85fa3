"""Which settings to try: targets, idle spares and lag thresholds, the pool's own among them."""

from collections.abc import Sequence

from readpool.cli.backtest.history import Setting

MAX_SETTINGS = 200


def build_grid(
    own: Setting, targets: Sequence[int] = (), spares: Sequence[int] = (), thresholds: Sequence[int] = ()
) -> list[Setting]:
    """Build the settings, the pool's own first.

    A number of spares is how many replicas beyond the target are always there: the minimum is target + spares. Where
    none are named, the pool's own minimum is tried beside one spare.
    """
    targets = targets or [own.target + step for step in (-1, 0, 1, 2, 3)]
    thresholds = thresholds or (own.lag_threshold, 2 * own.lag_threshold)
    grid = [own]
    for target in targets:
        minimums = [target + spare for spare in spares] or [min(own.minimum, target), target + 1]
        for minimum in minimums:
            for threshold in thresholds:
                setting = Setting(target, minimum, max(own.maximum, target, minimum), threshold)
                if target > 0 and threshold > 0 and setting not in grid:
                    grid.append(setting)
    return grid


def format_setting(setting: Setting) -> str:
    """Format a setting as its fields in a ReadOnlyPool or a trigger."""
    return (
        f"targetReplicas: {setting.target}, minReplicas: {setting.minimum}, maxReplicas: {setting.maximum},"
        f" lagThreshold: {setting.lag_threshold}"
    )

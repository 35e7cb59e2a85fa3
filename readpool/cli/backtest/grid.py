"""Which settings to try: targets (or spares beyond the pool's own) and lag thresholds, the pool's own among them."""

from collections.abc import Sequence

from readpool.cli.backtest.history import Setting

MAX_SETTINGS = 200


def build_grid(
    own: Setting, targets: Sequence[int] = (), spares: Sequence[int] = (), thresholds: Sequence[int] = ()
) -> list[Setting]:
    """Build the settings, the pool's own first.

    A spare is a fresh replica beyond the pool's own target: `spares` are targets, counted from there. Where neither is
    named, one fewer to four more are tried; where no thresholds are, the half and the double of the pool's own.
    """
    named = [*targets, *(own.target + spare for spare in spares)]
    chosen = sorted({*(named or range(own.target - 1, own.target + 5))})
    lags = sorted({*(thresholds or (max(1, own.lag_threshold // 2), own.lag_threshold, 2 * own.lag_threshold))})
    grid = [own]
    for target in chosen:
        for lag in lags:
            setting = Setting(target, min(own.minimum, target), max(own.maximum, target), lag)
            if target > 0 and lag > 0 and setting not in grid:
                grid.append(setting)
    return grid


def format_setting(setting: Setting) -> str:
    """Format a setting as its fields in a ReadOnlyPool or a trigger."""
    return (
        f"targetReplicas: {setting.target}, minReplicas: {setting.minimum}, maxReplicas: {setting.maximum},"
        f" lagThreshold: {setting.lag_threshold}"
    )

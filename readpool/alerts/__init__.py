"""Alerts, as both the chart's PrometheusRules and a pool's own have them. docs/runbooks has a page for each."""

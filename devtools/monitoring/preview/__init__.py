"""Draws the dashboards from a Prometheus into one page, where no Grafana is at hand: to be looked at, not used."""

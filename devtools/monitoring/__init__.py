"""Makes what the chart brings for Prometheus and Grafana: rules and dashboards, as files that are committed."""

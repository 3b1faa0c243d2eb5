"""The text format of Prometheus: counters, cumulative buckets, and escaped labels."""

import re

from tunelab.serving.http.metrics import SECONDS, Metrics

_LINE = re.compile(r'[a-z_]+(\{([a-z]+="([^"\\\n]|\\[\\"n])*",?)+\})? -?[0-9.e+-]+')


def test_counts_and_buckets() -> None:
    metrics = Metrics({"tunelab_room": ("Room.", lambda: 2.5)})
    for seconds in (0.0, 0.001, 0.2, 99.0):
        metrics.observe("tunelab_request_seconds", seconds, path="/v1/classify")
    metrics.count("tunelab_labels_total", 3, model="m", label='a "b"\\\n')
    metrics.count("tunelab_labels_total", model="m", label='a "b"\\\n')
    text = metrics.text()
    found = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert found['tunelab_labels_total{model="m",label="a \\"b\\"\\\\\\n"}'] == "4"
    assert found["tunelab_room"] == "2.5"
    of = 'tunelab_request_seconds_bucket{path="/v1/classify",le="'
    buckets = [int(found[f'{of}{edge:g}"}}']) for edge in SECONDS]
    assert buckets == sorted(buckets)
    assert (buckets[0], buckets[-1], found[f'{of}+Inf"}}']) == (2, 3, "4")
    assert found['tunelab_request_seconds_count{path="/v1/classify"}'] == "4"
    assert all(_LINE.fullmatch(line) for line in text.splitlines() if not line.startswith("#"))

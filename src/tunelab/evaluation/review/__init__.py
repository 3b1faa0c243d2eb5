"""Which answers a person should look at: calibration, thresholds, risk by coverage, label sets."""

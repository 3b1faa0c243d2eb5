"""Whether new texts are like those that a classifier was fitted to and tested on."""

"""The formats that a classifier can be exported in, one file each."""

"""Labelling by people: which rows come first, who gave which label, and where people differ.

A project is a folder:

    project.json    the labels to choose from, the classifier, and what is known of the rows
    rows.jsonl      the rows in the order in which they are asked, each with why it comes there
    labels.jsonl    what people did, a line for each label, skip and undo; only appended to
    reserved.json   which row each person has in front of them, and until when
"""

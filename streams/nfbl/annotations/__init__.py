"""Annotation files of people and other tools, read as rows of media time; one format a module."""

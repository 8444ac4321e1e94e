"""Tableaux: a few pictures that show the same classes, each class a question in every direction."""

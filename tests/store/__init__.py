"""Tests of journal, store, and the commands that read them."""

"""Judgement of rules on the phrases that were found: one question a file."""

"""From phrases that were heard to whether a rule applies: one question a file."""

"""Tests that know a server only from outside: HTTP, processes and sockets.

They also run against another build, whose interpreter `BUILD_PYTHON` names:
`BUILD_PYTHON=/path/to/build/.venv/bin/python .venv/bin/python -m pytest tests/blackbox`. A test
that guards against a fault fails against a build that has the fault.
"""

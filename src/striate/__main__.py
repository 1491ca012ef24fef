"""``python -m striate``."""

from striate.app.cli import main

main()

"""The console script, and python -m avgap: light, so that Ctrl-C is met from the first moment."""

from __future__ import annotations

import sys

from avgap.errors import INTERRUPTED, INTERRUPTION


def main() -> None:
    """Run a command line."""
    try:
        from avgap import cli

        cli.main()
    except KeyboardInterrupt:
        if sys.stderr is not None:
            sys.stderr.write(f"{INTERRUPTION}\n")
        raise SystemExit(INTERRUPTED) from None


if __name__ == "__main__":
    main()

"""python -m avgap."""

from avgap.cli import main

if __name__ == "__main__":
    main()

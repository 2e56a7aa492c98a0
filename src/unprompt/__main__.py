"""``python -m unprompt``."""

from unprompt.cli import main

if __name__ == "__main__":
    main()

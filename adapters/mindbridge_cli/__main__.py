"""`python -m mindbridge_cli` is `mindbridge`."""

from mindbridge_cli import main

if __name__ == "__main__":
    main()

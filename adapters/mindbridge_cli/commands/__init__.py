"""One module per command of `mindbridge`; each names it `command`."""

"""Speed and memory claims of kerasface, each printed again by one command; see README.md."""

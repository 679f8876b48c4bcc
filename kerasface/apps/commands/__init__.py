"""Sub-commands of `kerasface`, one file each with `add_<command>(subparsers)`."""

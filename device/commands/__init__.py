"""The sub-commands of ``attune``: one file each, with ``register(subparsers)``.

A command's function takes the parsed arguments and returns the exit code: 0 done,
1 it could not be done (one clear line on stderr), 2 wrong arguments or configuration.
"""

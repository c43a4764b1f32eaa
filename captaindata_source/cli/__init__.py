"""The command `captaindata`: words and exit codes."""

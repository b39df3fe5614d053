"""The command line: thin, over services or over HTTP."""

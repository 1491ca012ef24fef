"""App: the command line. Nothing of it is imported by other rooms."""

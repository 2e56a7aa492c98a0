"""One verb a file: the only place where the rooms meet. Each verb is a plain function, here and on the command line."""

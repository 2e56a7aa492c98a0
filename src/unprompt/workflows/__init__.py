"""One verb a file, on top of all other packages. Each verb is a plain function, here and on the command line."""

"""The service: the same rows as ``unprompt detect``, over HTTP. Needs the extra ``serve``."""

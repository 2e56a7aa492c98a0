"""One file a method: the four papers', the panel, the baselines and the attributor."""

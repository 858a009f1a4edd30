"""Where cells run. Nothing else differs between executors: same keys, same folders, same rows."""

"""Files of the original research code: read without running anything that they hold."""

"""The one way to a model: bounded, reserved, written ahead, metered, settled and traced."""

"""What is bought to find something out: experiments, pilots, calibrations, and their records."""
